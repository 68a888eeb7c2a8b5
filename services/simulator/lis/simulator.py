"""The simulated LIS as a whole."""

import socket
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from services.simulator.lis.answers import Conversation, answer_text
from services.simulator.lis.behaviour import Behaviour, Manner
from services.simulator.lis.er7 import segments, value
from services.simulator.lis.orders import HaemogramLine, Patient, fictitious_patient, order_message
from services.simulator.lis.receiver import Receiver
from services.simulator.lis.record import Record, report_of
from services.simulator.lis.scrutiny import problems
from services.simulator.lis.wire import Wire


@dataclass(frozen=True)
class OrderAnswer:
    """MSA-1 and MSA-2 of the answer to an order, and all of it."""

    code: str
    control_id: str
    content: bytes


class LisSimulator:
    """Receives reports from construction to `close`; `record` tells what came. Orders go out with `send_order`.

    A report of an order that it did not send, for another patient, or malformed is answered AE.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, folder: Path | None = None) -> None:
        self.record = Record(folder)
        self._patients: dict[str, Patient] = {}
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

    @staticmethod
    def send(to: tuple[str, int], message: bytes, timeout_s: float = 20.0) -> OrderAnswer:
        """Send any message and wait for its answer. Raises OSError, TimeoutError, NotMllp."""
        with socket.create_connection(to, timeout_s) as connection:
            wire = Wire(connection)
            wire.write(message)
            content = wire.read()
        if content is None:
            raise OSError("the connection was closed instead of an answer")
        msa = next(row for row in segments(content) if row[0] == "MSA")
        return OrderAnswer(value(msa, 1), value(msa, 2), content)

    def close(self) -> None:
        """Stop listening and drop every connection."""
        self._stop.set()
        self._receiver.close()

    def _serve(self, wire: Wire) -> None:
        while (content := wire.read()) is not None:
            with self._lock:
                behaviour = self._script.popleft() if self._script else self._usual
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
            report = report_of(content, stored=behaviour.stores and not wrong, problems=wrong)
        except ValueError as error:
            self.record.add_broken(str(error))
            return
        manner = Behaviour(Manner.ERROR) if wrong else behaviour
        # On record before the answer goes out: whoever has been answered finds the report here.
        self.record.add(replace(report, answer=answer_text(report.control_id, manner)))
        Conversation(wire, self._late, self._stop).answer(report.control_id, manner)


def _behaviour(given: Behaviour | Manner) -> Behaviour:
    return Behaviour(given) if isinstance(given, Manner) else given
