"""The folder of a demonstration: what an earlier one made there is replaced, what anyone else made is left alone."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from services.embedded.demo.errors import DemonstrationFailed
from services.kit.disk import advice
from services.kit.lock import StateInUse, StateUnwritable, locked

MARK = ".frottis-demonstration"
FOLDERS = ("share", "state", "scanner")
RESULTS = ("report.json", "overview.png", "cells.png", "message.hl7", "acknowledgement.hl7")
_MEANING = "The next demonstration in this folder removes share, state and scanner, and replaces its results.\n"


@contextmanager
def taken(out: Path) -> Iterator[None]:
    """Hold `out` for one demonstration, which leaves a mark there; within, nothing of an earlier one is left.

    Raises DemonstrationFailed where someone else's files lie in its way or `out` cannot be written, StateInUse.
    """
    _require_own(out)
    with ExitStack() as held:
        try:
            with writing(out):
                (out / "share").mkdir(parents=True, exist_ok=True)
                held.enter_context(locked(out, ["demonstration"]))
                (out / MARK).write_text(_MEANING, encoding="utf-8")
                _remove_earlier(out)
                (out / "share").mkdir(exist_ok=True)
        except StateInUse as error:
            raise StateInUse(
                f"another demonstration, or another Frottis, is at work in {out}: wait for its end, or give another "
                "folder with --out"
            ) from error
        yield


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Within, a disk that does not take what is written there is told as such. Raises DemonstrationFailed."""
    try:
        yield
    except StateUnwritable as error:
        raise _unwritable(out, error.error) from error
    except OSError as error:
        raise _unwritable(out, error) from error


def _unwritable(out: Path, error: OSError) -> DemonstrationFailed:
    what = advice(error, "give another folder with --out")
    return DemonstrationFailed(f"{out} cannot be written ({error.strerror or error}): {what}")


def _require_own(out: Path) -> None:
    with writing(out):
        foreign = [] if (out / MARK).is_file() else [name for name in (*FOLDERS, *RESULTS) if _holds_any(out / name)]
    if foreign:
        raise DemonstrationFailed(
            f"{out} holds {', '.join(foreign)}, which no demonstration is known to have made: give another folder with "
            "--out, or remove them yourself"
        )


def _holds_any(path: Path) -> bool:
    """Anything but an empty folder of its own, which nobody misses."""
    if path.is_dir() and not path.is_symlink():
        return any(path.iterdir())
    return path.is_symlink() or path.exists()


def _remove_earlier(out: Path) -> None:
    """Raises StateInUse where a `frottis run` was started on the state of an earlier demonstration."""
    state = out / "state"
    with locked(state, [lock.stem for lock in (state / "locks").glob("*.lock")]):
        for name in FOLDERS:
            with suppress(FileNotFoundError):
                shutil.rmtree(out / name)
