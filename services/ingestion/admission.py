"""When a scan on the share may be read: complete by its own tables, and still for the settle time.

Pure decisions; what is on disk comes as a `Look`, time as numbers. Stillness is measured in monotonic time, so a wall
clock that is set neither admits a growing scan nor keeps a finished one waiting.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum


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
