"""What the faults strike: processes that are killed and come back, workers that freeze, disks that run full."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from stack.chaos.plan import Fault, Kind
from stack.processes import ServerProcess

# A supervisor starts again what has ended by itself after so long.
RESTART_S = 1.0
BALLAST = "ballast"
PIECE = bytes(4096)


@dataclass(frozen=True)
class Victim:
    """One process, and how it is started again."""

    process: ServerProcess
    launch: Callable[[], None]


@dataclass(frozen=True)
class _Cure:
    due: float
    apply: Callable[[], None]


class Faults:
    """Strikes, and later cures; `tend` does what is due.

    `struck` counts by target and kind; `ended` what ended by itself, by name and exit code, `last_words` the end of
    its log by name.
    """

    def __init__(self, victims: Mapping[str, Victim], disks: Mapping[str, Path]) -> None:
        self._victims = victims
        self._disks = disks
        self._cures: dict[str, _Cure] = {}
        self.struck: Counter[tuple[str, Kind]] = Counter()
        self.ended: Counter[tuple[str, int]] = Counter()
        self.last_words: dict[str, str] = {}

    def strike(self, fault: Fault) -> None:
        """Do it now, when nothing else is being done to the target; the cure comes when it is due."""
        if fault.target in self._cures:
            self._cures.pop(fault.target).apply()
        full_disk = fault.kind is Kind.FULL_DISK
        cure = self._fill(self._disks[fault.target]) if full_disk else self._strike_process(fault)
        self.struck[fault.target, fault.kind] += 1
        self._cures[fault.target] = _Cure(time.monotonic() + fault.lasts_s, cure)

    def tend(self) -> None:
        """Apply the cures that are due, and start again what has ended by itself."""
        for name in [name for name, cure in self._cures.items() if cure.due <= time.monotonic()]:
            self._cures.pop(name).apply()
        for name, victim in self._victims.items():
            if name not in self._cures and not victim.process.running:
                self.ended[name, victim.process.exit_code or 0] += 1
                self.last_words[name] = victim.process.log_tail()
                self._cures[name] = _Cure(time.monotonic() + RESTART_S, victim.launch)

    def cure_all(self) -> None:
        """Apply every cure now."""
        while self._cures:
            self._cures.popitem()[1].apply()

    def all_well(self) -> bool:
        """Nothing is being cured, everything runs, and says that it is ready."""
        self.tend()
        return not self._cures and all(victim.process.ready() for victim in self._victims.values())

    def _strike_process(self, fault: Fault) -> Callable[[], None]:
        victim = self._victims[fault.target]
        if fault.kind is Kind.FREEZE:
            victim.process.freeze()
            return victim.process.thaw
        victim.process.kill()
        return victim.launch

    def _fill(self, disk: Path) -> Callable[[], None]:
        """No byte is left, also where others write meanwhile."""
        ballast = disk / BALLAST
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(PIECE)
        return partial(ballast.unlink, missing_ok=True)
