"""When a scan on the share may be read: complete by its own tables, and still for the settle time.

Pure decisions; what is on disk comes as a `Look`, time as numbers. Stillness is measured in monotonic time, so a wall
clock that is set back neither admits a growing scan nor keeps a finished one waiting.
"""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True)
class Look:
    """One look at a scan's files: `fingerprint` changes with any size or time; `missing` says what is not there yet."""

    fingerprint: str
    complete: bool
    missing: str = ""


@dataclass(frozen=True)
class Watch:
    """What admission remembers of a waiting scan: the files' last fingerprint, and since when (monotonic s)."""

    fingerprint: str
    still_since: float


class Verdict(Enum):
    """What to do with a scan after a look."""

    WAIT = "wait"
    READ = "read"
    HOLD_INCOMPLETE = "hold"


def judge(watch: Watch | None, look: Look, now_s: float, settle_s: float, limit_s: float) -> tuple[Watch, Verdict]:
    """The scan's new watch and the verdict at monotonic time `now_s`."""
    if watch is None or watch.fingerprint != look.fingerprint:
        watch = Watch(look.fingerprint, now_s)
    still_s = now_s - watch.still_since
    if look.complete:
        return watch, Verdict.READ if still_s >= settle_s else Verdict.WAIT
    return watch, Verdict.HOLD_INCOMPLETE if still_s >= limit_s else Verdict.WAIT
