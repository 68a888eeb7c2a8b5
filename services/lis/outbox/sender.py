"""Sends the outbox to the LIS, one message at a time, and believes only answers that name what they answer.

Of several replicas one sends; the others stand by.
"""

from threading import Event

import structlog

from services.kit.clock import Clock
from services.kit.contracts import Reason
from services.kit.errors import TransientError
from services.kit.lease import Lease, LeaseLost
from services.kit.stop import Stop
from services.kit.tracing.tracer import ServiceTracer
from services.kit.tracing.work import Work
from services.lis.errors import LineError
from services.lis.hl7.answer import Answer, read_answer
from services.lis.mllp.client import Line
from services.lis.outbox.entry import SENDING, Entry
from services.lis.outbox.ledger import Ledger
from services.lis.outbox.turns import Turns

# How long it sleeps: while something waits to be sent or answered, or the LIS to be reached; while another replica
# sends, which may leave it to this one; and while nothing waits, for what another replica puts into the outbox. What
# this one puts there wakes it.
IDLE_S, STANDBY_S, EMPTY_S = 0.5, 2.0, 5.0
_UNTRIED = "the LIS has not been tried yet"

log = structlog.get_logger()


class Sender:
    """A task of the service. `wake` it when there is something new to send."""

    def __init__(
        self,
        ledger: Ledger,
        line: Line,
        turns: Turns,
        lease: Lease,
        *,
        clock: Clock,
        ack_timeout_s: float,
        tracer: ServiceTracer,
    ) -> None:
        self._ledger = ledger
        self._tracer = tracer
        self._lease = lease
        self._line = line
        self._turns = turns
        self._clock = clock
        self._ack_timeout_s = ack_timeout_s
        self._wake = Event()
        self._pause_s = IDLE_S
        self._standing_by = True
        self._strangers = 0
        # None when the LIS can be reached or another replica sends, or what is wrong: the service's readiness.
        self.trouble: str | None = _UNTRIED

    def __call__(self, stop: Stop) -> None:
        """Send until `stop`."""
        try:
            with stop.ringing(self.wake):
                while not stop.is_set():
                    if not self._turn(stop):
                        self._wake.wait(self._pause_s)
                        self._wake.clear()
        finally:
            self.close()

    def close(self) -> None:
        """Leave the line, and sending, to another."""
        self._line.close()
        try:
            self._lease.give_back()
        except TransientError as error:
            log.warning("another replica sends later", reason=str(error))

    def wake(self) -> None:
        """Do not sleep: there is a new message."""
        self._wake.set()

    def run_once(self, stop: Event) -> bool:
        """One exchange; False when no message is due. Raises TransientError when the outbox cannot be used now."""
        self._pause_s = IDLE_S
        if not self._lease.take():
            self._stand_by()
            self._pause_s = STANDBY_S
            return False
        if self._standing_by:
            self._standing_by, self.trouble = False, _UNTRIED
        try:
            return self._send_next(stop)
        except LeaseLost as error:
            log.warning("sending left to another replica", reason=str(error))
            self._stand_by()
            return False

    def _send_next(self, stop: Event) -> bool:
        waiting = None
        try:
            self._hear_pending()
            unanswered = self._ledger.waiting()
            waiting = self._turns.next(unanswered)
            if waiting is None:
                self._probe()
                self._pause_s = IDLE_S if unanswered else EMPTY_S
                return False
            self._open()
        except LineError as error:
            self._fail(error, waiting.id if waiting else None)
            return False
        self._exchange(self._ledger.attempt(waiting.id), stop)
        return True

    def _turn(self, stop: Event) -> bool:
        try:
            return self.run_once(stop)
        except TransientError as error:
            log.warning("outbox postponed", reason=str(error))
            self._line.close()
            self._turns.line_failed()
            return False

    def _exchange(self, entry: Entry, stop: Event) -> None:
        with self._tracer.asking("send to LIS", entry.slide.slide_id) as work:
            work.note(attempt=entry.attempts)
            try:
                self._lease.rely()
                self._line.send(entry.content, self._ack_timeout_s)
                self._await_answer(entry, stop, work)
            except LineError as error:
                work.failed(error, error.code)
                self._turns.failed(entry.id)
                self._fail(error, entry.id)

    def _await_answer(self, entry: Entry, stop: Event, work: Work) -> None:
        """Until the message's own answer has come. One that names another message is that one's, never this one's."""
        until = self._clock.monotonic() + self._ack_timeout_s
        while True:
            content = self._line.receive(max(until - self._clock.monotonic(), 0.0), stop)
            if content is None:
                return
            answer = self._hear(content)
            if answer.control_id == entry.control_id:
                work.note(acknowledgement=answer.code)
                break
        self._turns.answered()
        self.trouble = None

    def _stand_by(self) -> None:
        """Answers that are still to come on the line are for messages that the other replica sends again."""
        self._line.close()
        self._turns.forget()
        self._standing_by, self.trouble = True, None

    def _hear_pending(self) -> None:
        """Answers that came late, or after a commit acknowledgement."""
        for content in self._line.pending():
            self._hear(content)

    def _hear(self, content: bytes) -> Answer:
        """Record an answer. Raises LineError (garbage)."""
        answer = read_answer(content)
        after = self._ledger.settle(answer)
        if after is None:
            self._hear_stranger(answer)
        elif after.state != SENDING:
            self._turns.done(after.id)
        elif not answer.accepted:
            self._turns.postpone(after.id)
        return answer

    def _hear_stranger(self, answer: Answer) -> None:
        """Warned of at the first, second, fourth, eighth … of a connection: a LIS that floods us fills no log."""
        self._strangers += 1
        if self._strangers & (self._strangers - 1) == 0:
            said = "the LIS answered a message that was never sent"
            log.warning(said, code=answer.code, answers=self._strangers)

    def _probe(self) -> None:
        """Find out whether the LIS is there, before there is something to send. Raises LineError."""
        if self.trouble is not None and not self._line.is_open and self._turns.line_is_due:
            self._open()

    def _open(self) -> None:
        if not self._line.is_open:
            self._strangers = 0
        self._line.open()
        if self.trouble == _UNTRIED:
            self.trouble = None

    def _fail(self, error: LineError, entry_id: int | None) -> None:
        log.warning("the LIS did not acknowledge", code=error.code, reason=str(error))
        self._ledger.count_failure(error.code)
        self._line.close()
        self._turns.line_failed()
        self.trouble = str(error)
        if entry_id is not None:
            self._ledger.explain(entry_id, Reason(code=f"lis_{error.code}", text=_sentence(error)))


def _sentence(error: LineError) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}: the report is sent again."
