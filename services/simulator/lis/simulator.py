"""The simulated LIS as a whole."""

import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from types import MappingProxyType, TracebackType
from typing import Self

from services.simulator.lis.answers import Conversation, answer_text
from services.simulator.lis.behaviour import Behaviour, Manner
from services.simulator.lis.exchange import OrderAnswer, exchange
from services.simulator.lis.journal import Journal
from services.simulator.lis.mood import Mood
from services.simulator.lis.orders import HaemogramLine, Patient, fictitious_patient, order_message
from services.simulator.lis.receiver import Receiver
from services.simulator.lis.record import ReceivedReport, Record, report_of
from services.simulator.lis.scrutiny import problems
from services.simulator.lis.wire import Wire


class LisSimulator:
    """Receives reports from construction to `close`; `record` tells what came. Orders go out with `send_order`.

    A report of an order that it did not send, for another patient, malformed, or under the MSH-10 of another one is
    answered AE. What it has stored it does not refuse when it comes again, nor after a restart on the same `journal`.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        journal: Journal | None = None,
        mood: Mood | None = None,
        expected: Mapping[str, Patient] = MappingProxyType({}),
    ) -> None:
        """`expected`: the patients of orders that were sent before, by placer number."""
        self.record = Record(journal)
        self._mood = mood
        self._patients: dict[str, Patient] = dict(expected)
        self._drawn_from: dict[str, Patient] = {}
        self._script: deque[Behaviour] = deque()
        self._usual = Behaviour()
        self._late: list[bytes] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._numbers = count(1)
        self._receiver = Receiver(host, port, self._serve, self.record.add_broken)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that reports are taken on."""
        return self._receiver.address

    def behave(self, *script: Behaviour | Manner, then: Behaviour | Manner = Manner.ACCEPT) -> None:
        """Answer the next messages by `script`, one each, and all later ones as `then` says."""
        with self._lock:
            self._script = deque(map(_behaviour, script))
            self._usual = _behaviour(then)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Within, connections are refused."""
        self._receiver.close()
        yield
        self._receiver.open()

    def expect(self, placer: str, patient: Patient) -> None:
        """Take reports of this order, for this patient, as if it had been sent."""
        with self._lock:
            self._patients[placer] = patient

    def send_order(
        self,
        to: tuple[str, int],
        specimen: str,
        *,
        placer: str,
        patient: Patient | None = None,
        control: str = "NW",
        stat: bool = False,
        leukocytes: int | None = None,
        haemogram: Sequence[HaemogramLine] = (),
        timeout_s: float = 20.0,
    ) -> OrderAnswer:
        """Order a smear of `specimen` and wait for the answer. Raises OSError, TimeoutError, NotMllp.

        Without `patient` it is for whom the specimen was ordered before, else for somebody made up.
        """
        with self._lock:
            person = patient or self._drawn_from.get(specimen) or fictitious_patient(placer)
            self._drawn_from[specimen] = person
        self.expect(placer, person)
        message = order_message(
            specimen,
            placer=placer,
            patient=person,
            at=datetime.now(UTC),
            control_id=f"SIM{next(self._numbers):06}",
            control=control,
            stat=stat,
            leukocytes=leukocytes,
            haemogram=haemogram,
        )
        return self.send(to, message, timeout_s)

    send = staticmethod(exchange)

    def close(self) -> None:
        """Stop listening and drop every connection."""
        self._stop.set()
        self._receiver.close()

    def _serve(self, wire: Wire) -> None:
        while (content := wire.read()) is not None:
            with self._lock:
                behaviour = self._next_behaviour()
                late, self._late = self._late, []
                patients = dict(self._patients)
            for earlier in late:
                wire.write(earlier)
            self._receive(wire, content, behaviour, patients)
            if wire.connection.fileno() < 0:
                return

    def _receive(self, wire: Wire, content: bytes, behaviour: Behaviour, patients: dict[str, Patient]) -> None:
        try:
            wrong = tuple(problems(content, patients))
            report = report_of(content, stored=False, problems=wrong)
        except ValueError as error:
            self.record.add_no_message(content, str(error))
            return
        report, behaviour = self._judged(report, behaviour)
        # On record before the answer goes out: whoever has been answered finds the report here.
        self.record.add(report)
        Conversation(wire, self._late, self._stop).answer(report.control_id, behaviour)

    def _judged(self, report: ReceivedReport, behaviour: Behaviour) -> tuple[ReceivedReport, Behaviour]:
        """What the LIS makes of the message, and how it answers."""
        before = self.record.stored(report.control_id)
        if before is not None and before.content != report.content:
            report = replace(report, problems=(*report.problems, "another message has this MSH-10"))
        if report.problems:
            behaviour = Behaviour(Manner.ERROR)
        elif before is not None and not behaviour.stores:
            behaviour = Behaviour()
        answer = answer_text(report.control_id, behaviour)
        return replace(report, stored=behaviour.stores, answer=answer, manner=behaviour.manner.name), behaviour

    def _next_behaviour(self) -> Behaviour:
        if self._script:
            return self._script.popleft()
        return self._mood.behaviour(len(self.record.reports)) if self._mood is not None else self._usual


def _behaviour(given: Behaviour | Manner) -> Behaviour:
    return Behaviour(given) if isinstance(given, Manner) else given
