"""What the simulated LIS keeps: one JSON object a line, on disk before anybody is answered.

It survives kill -9 and power loss. A line that a kill cut short was never answered for: it is removed when the journal
is opened again.
"""

import errno
import json
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from services.simulator.errors import SimulatorError

Entry = Mapping[str, Any]


class JournalError(SimulatorError):
    """The journal cannot be read or written, or holds something else."""


def read_journal(path: Path) -> list[Entry]:
    """Every whole entry, the oldest first, also while a simulator writes. Raises JournalError."""
    try:
        return list(_entries(_whole(path.read_bytes()), path))
    except OSError as error:
        raise JournalError(f"the journal {path} cannot be read ({error.strerror}): give its path") from error


class Journal:
    """A journal to append to. Safe for use by several threads, for one process at a time."""

    def __init__(self, path: Path) -> None:
        """Make it, or go on with one. Raises JournalError."""
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            whole = _whole(path.read_bytes())
            os.ftruncate(self._descriptor, len(whole))
            _sync_folder(path.parent)
        except OSError as error:
            raise JournalError(f"the journal {path} cannot be used ({error.strerror}): give it a place") from error
        self._size = len(whole)
        # What stood in it when it was opened.
        self.entries = list(_entries(whole, path))

    def append(self, entry: Entry) -> None:
        """Durable when it returns. Raises OSError, with nothing written."""
        line = json.dumps(entry, ensure_ascii=False).encode() + b"\n"
        with self._lock:
            try:
                _write(self._descriptor, line)
            except OSError:
                os.ftruncate(self._descriptor, self._size)
                raise
            self._size += len(line)

    def close(self) -> None:
        """Nothing is to be written any more."""
        with self._lock:
            os.close(self._descriptor)


def _write(descriptor: int, line: bytes) -> None:
    if os.write(descriptor, line) != len(line):
        raise OSError(errno.ENOSPC, "the disk took a part of an entry")
    os.fsync(descriptor)


def _whole(content: bytes) -> bytes:
    return content[: content.rfind(b"\n") + 1]


def _entries(content: bytes, path: Path) -> Iterator[Entry]:
    for number, line in enumerate(content.splitlines(), 1):
        try:
            yield json.loads(line)
        except ValueError as error:
            raise JournalError(f"line {number} of the journal {path} is no JSON: it is another file") from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
