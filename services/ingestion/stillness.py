"""When a scan on the share may be read: complete by its own tables, and still for the settle time.

Decisions alone: what is on disk comes as a `Look`. Stillness is measured in monotonic time, so a wall clock that is set
neither admits a growing scan nor keeps a finished one waiting.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from math import inf

from services.kit.clock import Clock


@dataclass(frozen=True)
class Look:
    """One look at a scan's files: `fingerprint` changes with any size or time; `missing` says what is not there yet."""

    fingerprint: str
    complete: bool
    missing: str = ""


@dataclass(frozen=True)
class Watch:
    """What admission remembers of a waiting scan: the files' last fingerprint, and since when (monotonic s).

    `witnessed`: this process saw them become as they are, so `still_since` is when that was.
    """

    fingerprint: str
    still_since: float
    witnessed: bool = True


class Verdict(Enum):
    """What to do with a scan after a look."""

    WAIT = "wait"
    READ = "read"
    HOLD_INCOMPLETE = "hold"
    HOLD_RESTLESS = "restless"


def judge(
    watch: Watch | None, look: Look, now_s: float, settle_s: float, limit_s: float, *, new: bool = True
) -> tuple[Watch, Verdict]:
    """The scan's new watch and the verdict at monotonic time `now_s`; `new` unless its files were known as they are."""
    if watch is None or watch.fingerprint != look.fingerprint:
        watch = Watch(look.fingerprint, now_s, witnessed=new)
    still_s = now_s - watch.still_since
    if look.complete:
        return watch, Verdict.READ if still_s >= settle_s else Verdict.WAIT
    return watch, Verdict.HOLD_INCOMPLETE if still_s >= limit_s else Verdict.WAIT


def completed_at(watch: Watch | None, recorded: datetime, now: datetime, now_s: float) -> datetime:
    """When a scan became as it is, by the clock as it is set now.

    `recorded` was written down then, perhaps by a clock that was set since: it counts where this process did not see
    it itself, and never lies ahead of now.
    """
    if watch is not None and watch.witnessed:
        return now - timedelta(seconds=now_s - watch.still_since)
    return min(recorded, now)


class Watches:
    """What admission remembers of the scans that wait, by name; in memory alone.

    A scan is READ once still for `settle_s`, held as incomplete when nothing came for its limit, and held as restless
    when it was neither for `restless_s`. `limit_s` gives a scan's limit (s) by its name and for how long it is still
    (s), and is asked only of scans that are not complete.
    """

    def __init__(
        self, clock: Clock, settle_s: float, limit_s: Callable[[str, float], float], restless_s: float
    ) -> None:
        self._clock = clock
        self._settle_s = settle_s
        self._limit_s = limit_s
        self._restless_s = restless_s
        self._watches: dict[str, Watch] = {}
        # Since when each is watched (monotonic s).
        self._since: dict[str, float] = {}

    def judge(self, name: str, look: Look, *, new: bool = True) -> Verdict:
        """The verdict at this moment; `new` unless the scan's files were known as they are."""
        before, now_s = self._watches.get(name), self._clock.monotonic()
        since = self._since.setdefault(name, now_s)
        limit_s = inf if look.complete else self._limit_s(name, self.still_s(name))
        self._watches[name], verdict = judge(before, look, now_s, self._settle_s, limit_s, new=new)
        restless = verdict is Verdict.WAIT and now_s - since >= self._restless_s
        return Verdict.HOLD_RESTLESS if restless else verdict

    def still_s(self, name: str) -> float:
        """For how many s the scan's files have not changed."""
        watch = self._watches.get(name)
        return 0.0 if watch is None else self._clock.monotonic() - watch.still_since

    def stale(self, name: str) -> bool:
        """Whether the scan's files have not changed for its limit."""
        still_s = self.still_s(name)
        return still_s >= self._limit_s(name, still_s)

    def completed_at(self, name: str, recorded: datetime) -> datetime:
        """When the scan became as it is; see the function of that name."""
        return completed_at(self._watches.get(name), recorded, self._clock.now(), self._clock.monotonic())

    def forget(self, name: str) -> None:
        """The scan waits no more, or anew from its next look."""
        self._watches.pop(name, None)
        self._since.pop(name, None)

    def keep(self, names: Collection[str]) -> None:
        """Forget all other scans."""
        self._watches = {name: watch for name, watch in self._watches.items() if name in names}
        self._since = {name: since for name, since in self._since.items() if name in names}
