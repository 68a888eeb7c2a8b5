"""Where a slide is, from the last thing that each service said of it."""

from dataclasses import dataclass
from enum import StrEnum

from services.kit.contracts import Decision, DeliveryState, ScanState


class State(StrEnum):
    """The states that `frottis status` shows. The last three are ends; `held` may still be taken up by a person."""

    WAITING = "waiting"
    READING = "reading"
    SENDING = "sending"
    HELD = "held"
    REFUSED = "refused"
    ACKNOWLEDGED = "acknowledged"

    @property
    def ended(self) -> bool:
        """Nothing more happens to the slide by itself."""
        return self in (State.HELD, State.REFUSED, State.ACKNOWLEDGED)


_SCANS = {
    ScanState.SCAN_STATE_WAITING: State.WAITING,
    ScanState.SCAN_STATE_ADMITTED: State.READING,
    ScanState.SCAN_STATE_HELD: State.HELD,
    ScanState.SCAN_STATE_REFUSED: State.REFUSED,
}
_DECISIONS = {
    Decision.DECISION_AWAITING_ORDER: State.WAITING,
    Decision.DECISION_RELEASED: State.SENDING,
    Decision.DECISION_HELD: State.HELD,
    Decision.DECISION_REFUSED: State.REFUSED,
}


@dataclass(frozen=True)
class Said:
    """One service's last word: a contract's enum value, with the reason as code and text."""

    value: int
    code: str = ""
    text: str = ""


@dataclass(frozen=True)
class Standing:
    """A state and its reason."""

    state: State
    code: str
    text: str


def standing(scan: Said, report: Said | None, delivery: Said | None) -> Standing:
    """The slide's state: what the LIS answered counts over what was decided, and that over the scan's own state.

    A notice about a held or refused slide does not change that state when it is acknowledged. When it is rejected, why
    the slide was held is told with it: a person needs both.
    """
    if report is None:
        return Standing(_SCANS[ScanState.ValueType(scan.value)], scan.code, scan.text)
    decided = Standing(_DECISIONS[Decision.ValueType(report.value)], report.code, report.text)
    if delivery is None:
        return decided
    if delivery.value == DeliveryState.DELIVERY_STATE_REJECTED:
        told = delivery.text if decided.state is State.SENDING else _joined(decided.text, delivery.text)
        return Standing(State.HELD, delivery.code, told)
    if decided.state is not State.SENDING:
        return decided
    if delivery.value == DeliveryState.DELIVERY_STATE_ACKNOWLEDGED:
        return Standing(State.ACKNOWLEDGED, decided.code, decided.text)
    return Standing(State.SENDING, delivery.code or decided.code, delivery.text or decided.text)


def _joined(first: str, second: str) -> str:
    """Two texts as sentences; ours may lack the full stop."""
    return f"{first.rstrip('.')}. {second}" if first else second
