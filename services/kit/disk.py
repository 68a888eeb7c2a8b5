"""Room on the disk that the state lies on."""

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
