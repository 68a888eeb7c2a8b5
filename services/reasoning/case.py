"""One slide as it stands in the store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.kit.clock import from_timestamp, to_timestamp
from services.kit.contracts import Order, Priority, Reading, Slide, Stage
from services.kit.stages import reached
from services.reasoning.cells import Purpose
from services.reasoning.evidence import round_of
from services.reasoning.progress import Progress
from services.reasoning.settings import ReasoningSettings
from services.reasoning.store import CaseStore


@dataclass(frozen=True)
class Case:
    """A slide with what was announced of it, how far its cells are here, and the order that it is decided under."""

    slide: Slide
    readings: tuple[Reading, ...]
    progress: Progress
    wanted: Mapping[Purpose, int]
    order: Order | None
    # Revision of the order's word that took its cancellation back; 0 without one.
    reinstated: int


def open_case(
    store: CaseStore, slide_id: str, orders: Sequence[Order], order: Order | None, settings: ReasoningSettings
) -> Case:
    """The case under `order`, as urgent and as thorough as the most demanding of the specimen's `orders`."""
    readings = tuple(store.readings(slide_id))
    scan = store.scan(slide_id)
    known = readings[0].slide if readings else scan.slide if scan else store.slide(slide_id)
    leukocytes = max((each.leukocytes_wanted or settings.leukocytes for each in orders), default=settings.leukocytes)
    wanted = {Purpose.LEUKOCYTES: leukocytes, Purpose.ERYTHROCYTES: settings.erythrocytes}
    slide = _urgent(known, orders, settings.stat_promise_s)
    reinstated = store.reinstated(order.order_id) if order else 0
    return Case(slide, readings, _progress(store, slide_id, readings), wanted, order, reinstated)


def deadline_of(slide: Slide) -> datetime | None:
    """When the report must be acknowledged (aware UTC); None while the slide has none."""
    return from_timestamp(slide.deadline) if slide.HasField("deadline") else None


def _urgent(known: Slide, orders: Sequence[Order], stat_promise_s: float) -> Slide:
    slide = Slide()
    slide.CopyFrom(known)
    if all(order.priority != Priority.PRIORITY_STAT for order in orders):
        return slide
    slide.priority = Priority.PRIORITY_STAT
    complete, deadline = reached(slide, Stage.STAGE_SCAN_COMPLETE), deadline_of(slide)
    if complete is not None:
        soon = complete + timedelta(seconds=stat_promise_s)
        slide.deadline.CopyFrom(to_timestamp(min(soon, deadline) if deadline else soon))
    return slide


def _progress(store: CaseStore, slide_id: str, readings: tuple[Reading, ...]) -> Progress:
    rounds = [round_of(reading) for reading in readings]
    announced = frozenset[str]().union(*(round_.tile_ids for round_ in rounds))
    here = [tile for tile in store.tile_counts(slide_id) if tile.tile_id in announced]
    counted = {
        Purpose.LEUKOCYTES: sum(tile.leukocytes for tile in here),
        Purpose.ERYTHROCYTES: sum(tile.erythrocytes for tile in here),
    }
    return Progress(rounds, frozenset(tile.tile_id for tile in here), counted)
