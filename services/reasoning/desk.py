"""Where each slide's next step is decided, whatever message came last: every order of arrival ends the same.

- A slide whose scan is another slide now, such as an incomplete copy that went on growing: nothing more.
- A scan that ingestion held or refused: a notice with its reason, once the specimen has an order.
- A second scan of a specimen that is reported: held, naming the first.
- All cells of every round are here: ask for more while a target is not reached, else decide. Without an order the
  report awaits one; when the order comes, the slide is decided under it.
- The deadline is near: decide with what is there; when no field was read yet, say so, and decide when all is read.
- A further order for a slide that is reported: held, for a person to see that both concern the same patient. When the
  order before was cancelled, the slide is decided anew under the new one.
- An order whose cancellation is taken back: everything is told anew, as new reports; what went before was withdrawn.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from services.kit.clock import Clock
from services.kit.contracts import Decision, Order, ReadingRequest, ScanState
from services.kit.tracing.current import span
from services.kit.transport import Outgoing
from services.reasoning.case import Case, deadline_of, open_case
from services.reasoning.cells import Purpose
from services.reasoning.deciding import ReportWriter
from services.reasoning.evidence import question
from services.reasoning.figures import Note
from services.reasoning.issuing import ENDS, Basis, Issuer
from services.reasoning.progress import Ask, more_to_ask
from services.reasoning.settings import ReasoningSettings
from services.reasoning.store import CaseStore

_SCAN_DECISIONS = {
    ScanState.SCAN_STATE_HELD: Decision.DECISION_HELD,
    ScanState.SCAN_STATE_REFUSED: Decision.DECISION_REFUSED,
}
_TOO_LATE = Note(
    "too_late", "The deadline came before any field of the slide was read; it is reported when it is read."
)
_ALREADY = Note(
    "already_reported",
    "Another order of this specimen was already answered: a person must see that both orders concern one patient.",
)
_EXPIRED = Note(
    "expired", "The order came after the slide's cells were thrown away: scan the slide again, or look at it."
)


class Desk:
    """Next steps of slides, within one transaction."""

    def __init__(
        self, cases: CaseStore, issuer: Issuer, writer: ReportWriter, clock: Clock, settings: ReasoningSettings
    ) -> None:
        self._cases = cases
        self._issuer = issuer
        self._writer = writer
        self._clock = clock
        self._settings = settings

    def advance(self, slide_id: str) -> list[Outgoing]:
        """What follows from all that is known of the slide now; nothing when there is nothing new to say."""
        self._cases.set_due(slide_id, None)
        specimen = self._cases.specimen(slide_id)
        orders = self._cases.orders(specimen)
        scan = self._cases.scan(slide_id)
        first = self._first_reported(slide_id, specimen)
        if first == slide_id:
            return self._answer_further(slide_id, orders)
        if self._cases.is_left(slide_id):
            return []
        if scan is not None and scan.state in _SCAN_DECISIONS:
            why = Note(scan.reason.code, scan.reason.text)
            return self._tell(slide_id, orders, _SCAN_DECISIONS[scan.state], why, Basis.SCAN)
        if first is not None:
            return self._tell(slide_id, orders, Decision.DECISION_HELD, _second(first), Basis.SECOND_SCAN)
        return self._read_on(slide_id, orders)

    def has_ended(self, slide_id: str) -> bool:
        """Nothing more is read of the slide."""
        return any(issued.basis in ENDS for issued in self._issuer.reports.in_force(slide_id).values())

    def _first_reported(self, slide_id: str, specimen: str) -> str | None:
        """The slide from which the specimen was reported, this one before others; None before it was.

        Another slide that was held on what was read of it gave no values: a rescan is read like a first scan.
        """
        own = self._issuer.reports.in_force(slide_id).values()
        if any(issued.basis == Basis.CELLS for issued in own):
            return slide_id
        others = self._issuer.reports.released(specimen) if specimen else []
        return others[0].slide_id if others else None

    def _answer_further(self, slide_id: str, orders: Sequence[Order]) -> list[Outgoing]:
        issued = self._issuer.reports.in_force(slide_id)
        answered = [
            order for order in orders if order.order_id in issued and issued[order.order_id].basis == Basis.CELLS
        ]
        if not answered:
            return self._read_on(slide_id, orders)
        others = [order for order in orders if order not in answered]
        return self._tell(slide_id, others, Decision.DECISION_HELD, _ALREADY, Basis.ALREADY_REPORTED)

    def _tell(
        self, slide_id: str, orders: Sequence[Order], decision: Decision.ValueType, why: Note, basis: Basis
    ) -> list[Outgoing]:
        """A notice for each of `orders`: none may wait in silence."""
        scan = self._cases.scan(slide_id)
        outputs = []
        for order in orders:
            notice = self._writer.notice(self._case(slide_id, order), decision, why, scan)
            outputs += self._issuer.issue(notice, basis)
        return outputs

    def _case(self, slide_id: str, order: Order | None) -> Case:
        orders = self._cases.orders(self._cases.specimen(slide_id))
        return open_case(self._cases, slide_id, orders, order, self._settings)

    def _read_on(self, slide_id: str, orders: Sequence[Order]) -> list[Outgoing]:
        case = self._case(slide_id, orders[0] if orders else None)
        said = {issued.basis for issued in self._issuer.reports.in_force(slide_id).values()}
        if not orders and said & {Basis.AWAITING, Basis.CELLS}:
            return []
        if case.progress.whole:
            ask = None if self._near(case, self._settings.no_more_s) else self._more(case)
            return self._wait(case, self._issuer.ask(_request(case, ask))) if ask else self._decide(case)
        if not self._near(case, self._settings.margin_s):
            return self._wait(case, [])
        if self._carries_percentages(case) and Basis.TOO_LATE not in said:
            return self._decide(case)
        why = _EXPIRED if self._cases.is_forgotten(slide_id) and not case.readings else _TOO_LATE
        return self._tell(slide_id, orders, Decision.DECISION_HELD, why, Basis.TOO_LATE)

    def _carries_percentages(self, case: Case) -> bool:
        """Enough leukocytes were read for a report that is cut short; a slide without them is told late and read on."""
        minimum = self._writer.knowledge.counting.minimum_leukocytes.value
        return bool(case.readings) and case.progress.reached[Purpose.LEUKOCYTES] >= minimum

    def _more(self, case: Case) -> Ask | None:
        return more_to_ask(case.progress, case.wanted, self._settings.most_rounds)

    def _decide(self, case: Case) -> list[Outgoing]:
        slide_id = case.slide.slide_id
        with span("decide", slide_id, rounds=len(case.readings)):
            report = self._writer.read(case, self._cases.tiles(slide_id, case.progress.tile_ids))
        outputs = self._issuer.issue(report, Basis.CELLS if case.order else Basis.AWAITING)
        orders = self._cases.orders(case.slide.specimen)
        return [*outputs, *self._answer_further(slide_id, orders)] if case.order else outputs

    def _wait(self, case: Case, outputs: list[Outgoing]) -> list[Outgoing]:
        deadline = deadline_of(case.slide)
        if deadline is not None:
            self._cases.set_due(case.slide.slide_id, deadline.timestamp() - self._settings.margin_s)
        return outputs

    def _near(self, case: Case, margin_s: float) -> bool:
        deadline: datetime | None = deadline_of(case.slide)
        return deadline is not None and self._clock.now() >= deadline - timedelta(seconds=margin_s)


def _request(case: Case, ask: Ask) -> ReadingRequest:
    return ReadingRequest(slide=case.slide, round=ask.round, question=question(ask.purpose), cells=ask.cells)


def _second(first: str) -> Note:
    text = f"A second scan of a specimen that was reported from slide {first}: a person must say which one counts."
    return Note("second_scan", text)
