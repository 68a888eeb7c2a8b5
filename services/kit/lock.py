"""One process of a service per state folder: the local log delivers to one consumer of each group."""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from services.kit.errors import SettingsError


class StateInUse(SettingsError):
    """Another process runs one of these services on this state folder."""


@contextmanager
def locked(state: Path, services: Iterable[str]) -> Iterator[None]:
    """Hold the locks of `services`; the kernel gives them back when the process dies, however it dies.

    Raises StateInUse, SettingsError.
    """
    with ExitStack() as held:
        for service in services:
            held.enter_context(_locked(state, service))
        yield


@contextmanager
def _locked(state: Path, service: str) -> Iterator[None]:
    path = state / "locks" / f"{service}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(descriptor, state, service)
        yield
    finally:
        os.close(descriptor)


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
