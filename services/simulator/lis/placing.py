"""Orders that a simulated LIS wants placed, until Frottis has them, across restarts of both.

Wishes are lines of a file, `{"specimen": "S1", "placer": "P1", "stat": false}`, which may grow at any time.
"""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from services.simulator.lis.exchange import OrderAnswer, exchange
from services.simulator.lis.journal import Journal, JournalError
from services.simulator.lis.orders import Patient, fictitious_patient, order_message
from services.simulator.lis.wire import NotMllp

# Kinds of entries in the journal: an order before it is first sent, and Frottis' last word on it.
ORDER, ORDERED = "order", "ordered"
PAUSE_S = 0.5
TIMEOUT_S = 10.0
# Frottis has the order, or will never take it as it is.
_LAST_WORDS = frozenset({"AA", "AE"})


@dataclass(frozen=True)
class Wish:
    """A smear to be ordered."""

    specimen: str
    placer: str
    stat: bool = False
    leukocytes: int | None = None


def read_wishes(path: Path) -> list[Wish]:
    """The whole lines of the file; none while there is no such file. Raises JournalError, OSError."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    try:
        return [Wish(**json.loads(line)) for line in text[: text.rfind("\n") + 1].splitlines() if line.strip()]
    except (ValueError, TypeError) as error:
        raise JournalError(f"{path} holds a line that is no order: give specimen, placer, stat, leukocytes") from error


def until_taken(
    to: tuple[str, int], message: bytes, stop: threading.Event, pause_s: float = PAUSE_S
) -> OrderAnswer | None:
    """Send `message` until it is answered AA, or AE, which sending again would not change; None once `stop` is set."""
    while not stop.is_set():
        try:
            answer = exchange(to, message, TIMEOUT_S)
            if answer.code in _LAST_WORDS:
                return answer
        except (OSError, NotMllp, ValueError) as error:
            sys.stderr.write(f"simulated LIS: an order is sent again ({type(error).__name__})\n")
        stop.wait(pause_s)
    return None


def placed(journal: Journal) -> dict[str, Patient]:
    """Whom the orders are for that were sent before the journal was opened, by placer number."""
    return {entry["placer"]: Patient(**entry["patient"]) for entry in journal.entries if entry["kind"] == ORDER}


class Placing:
    """Places wishes one after the other; `expect` hears whom each new order is for, before it is sent."""

    def __init__(self, to: tuple[str, int], journal: Journal, expect: Callable[[str, Patient], None]) -> None:
        self._to = to
        self._journal = journal
        self._expect = expect
        self._messages: dict[str, bytes] = {}
        self._ended: set[str] = set()
        for entry in journal.entries:
            if entry["kind"] == ORDER:
                self._messages[entry["placer"]] = entry["content"].encode("utf-8")
            elif entry["kind"] == ORDERED:
                self._ended.add(entry["placer"])

    def run(self, wishes: Path, stop: threading.Event) -> None:
        """Until `stop`. Raises JournalError, OSError."""
        while not stop.is_set():
            for wish in self._open(read_wishes(wishes)):
                self._place(wish, stop)
            stop.wait(PAUSE_S)

    def _open(self, wishes: list[Wish]) -> Iterator[Wish]:
        return (wish for wish in wishes if wish.placer not in self._ended)

    def _place(self, wish: Wish, stop: threading.Event) -> None:
        message = self._messages.get(wish.placer) or self._write(wish)
        answer = until_taken(self._to, message, stop)
        if answer is not None:
            self._journal.append({"kind": ORDERED, "placer": wish.placer, "code": answer.code})
            self._ended.add(wish.placer)

    def _write(self, wish: Wish) -> bytes:
        """The order as it is sent at every attempt. One specimen is of one patient."""
        patient = fictitious_patient(wish.specimen)
        control_id = f"ORD{sha256(wish.placer.encode()).hexdigest()[:16].upper()}"
        message = order_message(**asdict(wish), patient=patient, at=datetime.now(UTC), control_id=control_id)
        entry = {"kind": ORDER, **asdict(wish), "patient": asdict(patient), "content": message.decode("utf-8")}
        self._journal.append(entry)
        self._messages[wish.placer] = message
        self._expect(wish.placer, patient)
        return message
