"""Servers that were fetched or built once, kept in a folder of the checkout that git does not see."""

import fcntl
import shutil
from collections.abc import Callable
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / ".servers"


def cached(name: str, make: Callable[[Path], None]) -> Path:
    """The folder `name` of the cache; `make` fills it once, also when several processes ask at the same time.

    `make` gets an empty folder. When it raises, nothing is kept.
    """
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / ".gitignore").write_text("*\n", encoding="utf-8")
    made = FOLDER / name
    with (FOLDER / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.is_dir():
            _fill(made, make)
    return made


def _fill(made: Path, make: Callable[[Path], None]) -> None:
    unfinished = made.with_name(f"{made.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    make(unfinished)
    unfinished.rename(made)
