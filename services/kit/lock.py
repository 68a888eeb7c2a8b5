"""One process of a service per state folder: the local log delivers to one consumer of each group."""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from services.kit.disk import advice
from services.kit.errors import SettingsError


class StateInUse(SettingsError):
    """Another process runs one of these services on this state folder."""


class StateUnwritable(SettingsError):
    """The state folder cannot be made or written."""

    def __init__(self, state: Path, error: OSError) -> None:
        what = advice(error, "give another folder with --state (FROTTIS_PROCESS_STATE)")
        super().__init__(f"the state folder {state} cannot be written ({error.strerror}): {what}")
        self.error = error


@contextmanager
def locked(state: Path, services: Iterable[str]) -> Iterator[None]:
    """Hold the locks of `services`; the kernel gives them back when the process dies, however it dies.

    Raises StateInUse, StateUnwritable, SettingsError.
    """
    with ExitStack() as held:
        for service in services:
            held.enter_context(_locked(state, service))
        yield


@contextmanager
def _locked(state: Path, service: str) -> Iterator[None]:
    descriptor = _opened(state, service)
    try:
        _lock(descriptor, state, service)
        yield
    finally:
        os.close(descriptor)


def _opened(state: Path, service: str) -> int:
    path = state / "locks" / f"{service}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StateUnwritable(state, error) from error


def _lock(descriptor: int, state: Path, service: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StateInUse(
            f"another Frottis runs {service} on {state}: stop it, or give this one a state folder of its own (--state, "
            "FROTTIS_PROCESS_STATE)"
        ) from error
    except OSError as error:
        raise SettingsError(f"{state} cannot be locked ({error.strerror}): put it on a local disk") from error
