"""What reasoning keeps of each slide. Every call works within the caller's transaction."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Table, delete, func, select, update

from services.kit.clock import from_timestamp
from services.kit.contracts import Order, Reading, Scan, Slide, TileCells
from services.kit.database import upsert
from services.reasoning.rows import content, insert_new
from services.reasoning.tables import ORDERS, READINGS, REINSTATED, REPORTS, REQUESTS, SCANS, SLIDES, TILES


@dataclass(frozen=True)
class TileCount:
    """A tile whose cells are here, and how many of them count."""

    tile_id: str
    leukocytes: int
    erythrocytes: int


class CaseStore:
    """Slides with their scans, readings, tiles and orders, on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def meet(self, slide: Slide) -> None:
        """Remember the slide if it is new."""
        row = {
            "slide_id": slide.slide_id,
            "specimen": slide.specimen,
            "scan": b"",
            "slide": content(slide),
            "forgotten": False,
        }
        insert_new(self._connection, SLIDES, row)

    def name_scan(self, scan: Scan) -> bool:
        """Record which slide the scan is; False when a later word on it is known."""
        query = select(SCANS.c.revision, SCANS.c.slide_id).where(SCANS.c.name == scan.name)
        known = self._connection.execute(query).first()
        if known is not None and scan.revision < known.revision:
            return False
        row = {"name": scan.name, "revision": scan.revision, "slide_id": scan.slide.slide_id}
        upsert(self._connection, SCANS, row)
        if known is not None and known.slide_id != scan.slide.slide_id and self.is_left(known.slide_id):
            self.set_due(known.slide_id, None)
        return True

    def is_left(self, slide_id: str) -> bool:
        """Whether the slide's scan is another slide now, or none that is known, and no other scan is this slide."""
        scan = self.scan(slide_id)
        if scan is None:
            return False
        query = select(SCANS.c.slide_id).where((SCANS.c.name == scan.name) | (SCANS.c.slide_id == slide_id))
        slides = set(self._connection.execute(query).scalars())
        return bool(slides) and slide_id not in slides

    def put_scan(self, scan: Scan) -> bool:
        """Record the scan's state; False when it is what was recorded last."""
        known, message = self.scan(scan.slide.slide_id), content(scan)
        if known is not None and content(known) == message:
            return False
        row = {"scan": message, "specimen": scan.slide.specimen}
        self._update(SLIDES, scan.slide.slide_id, row)
        return True

    def put_reading(self, reading: Reading) -> bool:
        """Record what a round reads; False when the round is known already: its first word stands."""
        row = {"slide_id": reading.slide.slide_id, "round": reading.round, "message": content(reading)}
        return insert_new(self._connection, READINGS, row)

    def put_tile(self, tile: TileCells, leukocytes: int, erythrocytes: int) -> bool:
        """Record a tile's cells; False when the tile is known already: its cells are counted once."""
        row = {
            "slide_id": tile.slide.slide_id,
            "tile_id": tile.tile_id,
            "leukocytes": leukocytes,
            "erythrocytes": erythrocytes,
            "message": content(tile),
        }
        return insert_new(self._connection, TILES, row)

    def has_tile(self, slide_id: str, tile_id: str) -> bool:
        """Whether the tile's cells are here."""
        query = select(TILES.c.tile_id).where(TILES.c.slide_id == slide_id, TILES.c.tile_id == tile_id)
        return self._connection.execute(query).first() is not None

    def put_order(self, order: Order) -> bool:
        """Record an order as it stands now; False when it is what was recorded last, or older."""
        known = self._order(order.order_id)
        if known is not None and (order.revision < known.revision or content(order) == content(known)):
            return False
        if known is not None and known.cancelled and not order.cancelled:
            self._reinstate(order)
        row = {
            "order_id": order.order_id,
            "specimen": order.specimen,
            "ordered_at": from_timestamp(order.ordered_at).timestamp(),
            "cancelled": order.cancelled,
            "message": content(order),
        }
        upsert(self._connection, ORDERS, row)
        return True

    def scan(self, slide_id: str) -> Scan | None:
        """The last state of the slide's scan."""
        query = select(SLIDES.c.scan).where(SLIDES.c.slide_id == slide_id)
        found = self._connection.execute(query).scalar_one_or_none()
        return Scan.FromString(found) if found else None

    def slide(self, slide_id: str) -> Slide:
        """The slide as it was first named."""
        query = select(SLIDES.c.slide).where(SLIDES.c.slide_id == slide_id)
        return Slide.FromString(self._connection.execute(query).scalar_one())

    def specimen(self, slide_id: str) -> str:
        """The slide's specimen number; empty when it has none."""
        query = select(SLIDES.c.specimen).where(SLIDES.c.slide_id == slide_id)
        return str(self._connection.execute(query).scalar_one())

    def slides_of(self, specimen: str) -> list[str]:
        """Ids of the specimen's slides, in a fixed order."""
        query = select(SLIDES.c.slide_id).where(SLIDES.c.specimen == specimen).order_by(SLIDES.c.slide_id)
        return list(self._connection.execute(query).scalars())

    def readings(self, slide_id: str) -> list[Reading]:
        """What was announced of the slide, by round."""
        query = select(READINGS.c.message).where(READINGS.c.slide_id == slide_id).order_by(READINGS.c.round)
        return [Reading.FromString(message) for message in self._connection.execute(query).scalars()]

    def tile_counts(self, slide_id: str) -> list[TileCount]:
        """The tiles whose cells are here, without the cells."""
        query = select(TILES.c.tile_id, TILES.c.leukocytes, TILES.c.erythrocytes).where(TILES.c.slide_id == slide_id)
        return [TileCount(*row) for row in self._connection.execute(query)]

    def tiles(self, slide_id: str, tile_ids: frozenset[str]) -> list[TileCells]:
        """The cells of those of `tile_ids` that are here, by tile id."""
        query = select(TILES.c.tile_id, TILES.c.message).where(TILES.c.slide_id == slide_id).order_by(TILES.c.tile_id)
        rows = self._connection.execute(query)
        return [TileCells.FromString(message) for tile_id, message in rows if tile_id in tile_ids]

    def orders(self, specimen: str) -> list[Order]:
        """The specimen's orders that are not cancelled, the earliest first; none for an empty specimen number."""
        if not specimen:
            return []
        wanted = (ORDERS.c.specimen == specimen) & ~ORDERS.c.cancelled
        query = select(ORDERS.c.message).where(wanted).order_by(ORDERS.c.ordered_at, ORDERS.c.order_id)
        return [Order.FromString(message) for message in self._connection.execute(query).scalars()]

    def reinstated(self, order_id: str) -> int:
        """The revision of the order's last word that took a cancellation back; 0 without one."""
        query = select(REINSTATED.c.revision).where(REINSTATED.c.order_id == order_id)
        return self._connection.execute(query).scalar_one_or_none() or 0

    def set_due(self, slide_id: str, due: float | None) -> None:
        """When to decide the slide with what is there (unix s); None for never."""
        self._update(SLIDES, slide_id, {"due": due})

    def due(self, now: float) -> list[str]:
        """Slides to be decided by now, the most urgent first."""
        query = select(SLIDES.c.slide_id).where(SLIDES.c.due <= now).order_by(SLIDES.c.due, SLIDES.c.slide_id)
        return list(self._connection.execute(query).scalars())

    def is_forgotten(self, slide_id: str) -> bool:
        """Whether the slide's cells were thrown away."""
        query = select(SLIDES.c.forgotten).where(SLIDES.c.slide_id == slide_id)
        return bool(self._connection.execute(query).scalar_one())

    def forget(self, decided_before: float) -> None:
        """Throw away the cells of slides whose every report is older; that they were reported stays known."""
        recent = select(REPORTS.c.slide_id).where(REPORTS.c.decided_at >= decided_before)
        old = select(REPORTS.c.slide_id).where(REPORTS.c.slide_id.not_in(recent))
        for table in (TILES, READINGS, REQUESTS):
            self._connection.execute(delete(table).where(table.c.slide_id.in_(old)))
        self._connection.execute(
            update(SLIDES).where(SLIDES.c.slide_id.in_(old) & ~SLIDES.c.forgotten).values(forgotten=True)
        )
        kept = REPORTS.c.slide_id.in_(old) & (REPORTS.c.message != b"")
        self._connection.execute(update(REPORTS).where(kept).values(message=b""))

    def _order(self, order_id: str) -> Order | None:
        query = select(ORDERS.c.message).where(ORDERS.c.order_id == order_id)
        found = self._connection.execute(query).scalar_one_or_none()
        return None if found is None else Order.FromString(found)

    def _reinstate(self, order: Order) -> None:
        """What was issued for the order so far is no longer in force."""
        last = self._connection.execute(select(func.max(REPORTS.c.issue))).scalar_one_or_none() or 0
        upsert(
            self._connection,
            REINSTATED,
            {"order_id": order.order_id, "revision": order.revision, "issue": last},
        )

    def _update(self, table: Table, slide_id: str, row: Mapping[str, object]) -> None:
        self._connection.execute(update(table).where(table.c.slide_id == slide_id).values(**row))
