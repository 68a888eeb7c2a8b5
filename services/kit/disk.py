"""Room on the disk that the state lies on, and what to do where a disk does not take what is written."""

import errno
import shutil
from pathlib import Path

# What the tiles, crops and messages of a slide take, and some more.
LEAST_FREE = 64 << 20


def short_of_room(state: Path) -> str | None:
    """What to do when the disk of the state folder has less room than one slide needs; None when it has more."""
    try:
        free = shutil.disk_usage(state).free
    except OSError as error:
        return f"the disk of {state} cannot be asked for its room ({error.strerror}): mount it, or give access"
    if free >= LEAST_FREE:
        return None
    return f"the disk of {state} has {free >> 20} MiB left, and a slide needs {LEAST_FREE >> 20}: make room"


def advice(error: OSError, otherwise: str) -> str:
    """What to do about a file or folder that cannot be written, by the cause; `otherwise` where it is no common one."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "make room on its disk"
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return f"give access to it, or {otherwise}"
    return otherwise
