"""A file read at given places.

Never mapped into memory: a mapped file that is cut short on a network share kills the process that touches it.
"""

import os
import stat
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from services.ingestion.slides.errors import SlideClosed, SlideIncomplete, SlideUnreachable, SlideUnsupported

_FOLDER_ADVICE = "Name the scan's own file; where a folder has taken its place, copy the scan again from the scanner."
_DEVICE_ADVICE = "Remove it, and copy the scan again from the scanner."


class PositionedFile:
    """A regular file open for positioned reads, from several threads at once.

    `name` is what error messages call it; `size` is its size in bytes when it was opened.

    Raises:
        SlideUnreachable: it cannot be opened.
        SlideUnsupported: it is a folder, a pipe or a device.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self._guard = threading.Lock()
        self._reading = 0
        self._closed = False
        try:
            # Without O_NONBLOCK, opening a pipe of that name would wait for a writer for ever.
            self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (OSError, ValueError) as error:
            raise SlideUnreachable.of(name, "cannot be opened", error) from error
        try:
            self.size = self._regular_size()
        except BaseException:
            self.close()
            raise

    def _regular_size(self) -> int:
        try:
            status = os.fstat(self._descriptor)
        except OSError as error:
            raise SlideUnreachable.of(self.name, "cannot be looked at", error) from error
        if stat.S_ISDIR(status.st_mode):
            raise SlideUnsupported(self.name, "is a folder, not a file", _FOLDER_ADVICE)
        if not stat.S_ISREG(status.st_mode):
            raise SlideUnsupported(self.name, "is a pipe or a device, not a regular file", _DEVICE_ADVICE)
        return status.st_size

    def read(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset`.

        Raises:
            SlideIncomplete: the file ends before that.
            SlideUnreachable: the operating system could not read it.
            SlideClosed: `close` was called before.
        """
        with self._guard:
            if self._closed:
                raise SlideClosed(self.name)
            self._reading += 1
        try:
            return self._read(offset, length)
        finally:
            with self._guard:
                self._reading -= 1
                self._close_when_idle()

    def _read(self, offset: int, length: int) -> bytes:
        parts: list[bytes] = []
        wanted = length
        while wanted:
            try:
                part = os.pread(self._descriptor, wanted, offset)
            except (OSError, OverflowError) as error:
                raise SlideUnreachable.of(self.name, f"cannot be read at offset {offset}", error) from error
            if not part:
                raise SlideIncomplete(self.name, f"ends at offset {offset}, {wanted} bytes too early")
            parts.append(part)
            wanted -= len(part)
            offset += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """Close once the reads under way are done, so that none of them meets another file's descriptor."""
        with self._guard:
            self._closed = True
            self._close_when_idle()

    def _close_when_idle(self) -> None:
        if self._closed and not self._reading and self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
