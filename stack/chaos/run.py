"""Slides flow, faults strike, everything heals, and what came of it is counted."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from kafka.errors import KafkaError

from services.embedded.demo import Engine
from services.kit.errors import TransientError
from services.kit.kafka import KafkaSettings, KafkaTransport
from services.kit.transport import DeadLetter
from services.review.worklist import Entry
from stack.chaos.doubling import Doubler
from stack.chaos.faults import Faults
from stack.chaos.plan import Fault, Kind
from stack.chaos.poison import poison
from stack.chaos.slides import Films, Slide
from stack.lis import WELL, LisProcess

STEP_S = 0.1
LOOK_EVERY_S = 1.0
# After the last fault, until the last slide has ended.
HEALING_S = 900.0

Tell = Callable[[str], None]


class NotHealed(Exception):
    """Something was still under way long after the last fault; the message says what."""


@dataclass(frozen=True)
class Hospital:
    """What a run has: the stack at work, its LIS, and the share."""

    engine: Engine
    kafka: KafkaSettings
    lis: LisProcess
    share: Path


class Run:
    """One run over `slides`. `doubled` and `poisoned` count messages."""

    def __init__(self, hospital: Hospital, films: Films, slides: Sequence[Slide], faults: Faults, tell: Tell) -> None:
        self._hospital = hospital
        self._films = films
        self._faults = faults
        self._tell = tell
        self._doubler = Doubler(hospital.kafka)
        self._slides = slides
        self._to_come = list(slides)
        self.poisoned = 0

    @property
    def doubled(self) -> int:
        return self._doubler.doubled

    @property
    def kills(self) -> int:
        return sum(count for (_, kind), count in self._faults.struck.items() if kind is Kind.KILL)

    def dead_letters(self) -> Sequence[DeadLetter]:
        """All of them. Raises TransientError when they cannot be read now."""
        with closing(KafkaTransport(self._hospital.kafka)) as transport:
            return transport.dead_letters().list()

    def go(self, plan: Sequence[Fault]) -> None:
        """Have the plan happen while the slides flow; returns when all of them have ended and nothing is under way.

        Raises NotHealed, and what a part of the run failed of.
        """
        self._doubler.start()
        for number, fault in enumerate(plan):
            self._put_those_due(number / len(plan))
            if number == len(plan) // 2:
                self._until(self._poison, "the topics to take a message each")
            self._pass(fault.after_s)
            self._tell(f"{number + 1:3} of {len(plan)}: {fault.kind} {fault.target}")
            self._strike(fault)
        self._put_those_due(1.0)
        self._faults.cure_all()
        self._hospital.lis.behave(WELL)
        self._until(self._all_ended, "every slide to end")
        self._until(self._still, "every message to be handled twice")
        self._until(self._faults.all_well, "everything that was struck to be ready again")
        self._doubler.stop()

    def entries(self) -> Mapping[str, Entry]:
        """The worklist by the scan's name. Raises TransientError when it cannot be read now."""
        return {entry.scan: entry for entry in self._hospital.engine.worklist.entries()}

    def _put_those_due(self, progress: float) -> None:
        """The slides come evenly, the last of them while there are still faults to come."""
        while self._to_come and (len(self._slides) - len(self._to_come)) / len(self._slides) <= progress:
            slide = self._to_come.pop(0)
            self._hospital.lis.order(slide.specimen, slide.placer)
            self._films.put(slide, self._hospital.share)

    def _strike(self, fault: Fault) -> None:
        if fault.kind is Kind.MOOD:
            self._hospital.lis.behave(fault.target)
        else:
            self._faults.strike(fault)

    def _pass(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._faults.tend()
            time.sleep(STEP_S)

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + HEALING_S
        while not self._held(holds):
            if time.monotonic() > until:
                raise NotHealed(f"waited {HEALING_S:.0f} s for {what}")
            self._pass(LOOK_EVERY_S)

    def _held(self, holds: Callable[[], bool]) -> bool:
        """False also while a server is away."""
        with suppress(TransientError, KafkaError):
            return holds()
        return False

    def _poison(self) -> bool:
        self.poisoned = poison(self._hospital.kafka)
        return True

    def _all_ended(self) -> bool:
        entries = self.entries()
        known = [entries.get(slide.scan) for slide in self._slides]
        return all(entry is not None and entry.standing.state.ended and entry.delivered for entry in known)

    def _still(self) -> bool:
        return self._doubler.level() and not self._hospital.engine.waiting()
