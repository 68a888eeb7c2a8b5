"""One Frottis per state folder."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from services.kit.errors import SettingsError


class StateInUse(SettingsError):
    """Another process runs on this state folder."""


class StateLock:
    """Held while a process works on a state folder; the kernel gives it back when the process dies, however it dies."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lock"
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._descriptor)
            raise StateInUse(
                f"another Frottis works on {self._path.parent}: stop it, or give this one its own --state folder"
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
