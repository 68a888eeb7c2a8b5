"""What can be wrong with a slide.

    SlideError
    ├── SlideIncomplete    files are missing or still growing: wait, then ask again
    │   └── SlideChanged   it is not the scan any more that was opened: what was read of it is worth nothing
    ├── SlideUnreachable   the share cannot be read now: try again later
    ├── SlideDamaged       the files contradict themselves or the format: copy the scan again
    ├── SlideUnsupported   a sound file of a kind that is not read (fluorescence, several scans, unknown pixel size)
    ├── RegionRefused      the caller asked for pixels that cannot be given (also a ValueError)
    └── SlideClosed        the caller asked for pixels of a slide that it had closed (also a ValueError)

Messages name the file, the field or offset, and what to do. File names are relative to the scan.
"""

import errno
import os
from typing import Self

ONE_SCAN = "Scan the slide again as one scan; a program may name the one to read as scene."
OTHER_SCENE = "Give the name of one of its scans as scene."
UNCALIBRATED = "Give the µm per pixel (--um-per-px), or export the scan again with its calibration."

_NAME = "Check the name, and that the file still lies there."
_SHORTER_NAME = "Give the scan and its folders shorter names, without links that lead in a circle."
_ADVICE = {
    errno.ENOENT: _NAME,
    errno.ENOTDIR: _NAME,
    errno.ENAMETOOLONG: _SHORTER_NAME,
    errno.ELOOP: _SHORTER_NAME,
    errno.EACCES: "Let the user that Frottis runs as read it.",
    errno.EPERM: "Let the user that Frottis runs as read it.",
    errno.EMFILE: "Raise the limit of open files (ulimit -n).",
    errno.ENFILE: "Raise the limit of open files of this machine.",
}
_SHARE_ADVICE = "Check that the share is mounted, and that its server and disk are well."


class SlideError(Exception):
    """A slide, or a part of one, that cannot be read.

    `file` is the name of the file concerned, `problem` what is wrong with it, `advice` what to do.
    """

    def __init__(self, file: str, problem: str, advice: str) -> None:
        super().__init__(file, problem, advice)
        self.file = file
        self.problem = problem
        self.advice = advice

    def __str__(self) -> str:
        """For a person; what a file name holds that is no text stands in backslash escapes."""
        return f"{self.file}: {self.problem}. {self.advice}".encode("utf-8", "backslashreplace").decode()


class SlideIncomplete(SlideError):
    """Files are missing, short, or not written yet. Waiting may mend it."""

    def __init__(
        self,
        file: str,
        problem: str,
        advice: str = "Wait until the scan has been copied; if it stays so, copy it again from the scanner.",
    ) -> None:
        super().__init__(file, problem, advice)


class SlideChanged(SlideIncomplete):
    """The files changed while the scan was read: pixels of two versions may stand side by side."""

    def __init__(
        self,
        file: str,
        problem: str,
        advice: str = "Leave a scan alone while it is read; it is read anew when it is still.",
    ) -> None:
        super().__init__(file, problem, advice)


class SlideUnreachable(SlideError):
    """The operating system could not read the file. Says nothing about the scan itself."""

    @classmethod
    def of(cls, file: str, problem: str, error: Exception) -> Self:
        """What the operating system refused, with why, and what to do about that."""
        number = error.errno if isinstance(error, OSError) else None
        reason = os.strerror(number) if number else type(error).__name__
        return cls(file, f"{problem} ({reason})", _ADVICE.get(number or 0, _SHARE_ADVICE))


class SlideDamaged(SlideError):
    """The files contradict themselves or the format. Waiting does not mend it."""

    def __init__(
        self,
        file: str,
        problem: str,
        advice: str = "Copy the scan again from the scanner; if it stays so, scan the slide again.",
    ) -> None:
        super().__init__(file, problem, advice)


class SlideUnsupported(SlideError):
    """A sound file of a kind that is not read here."""


class RegionRefused(SlideError, ValueError):
    """A region outside the limits: no whole pixels, a level that is not there, no size, or too many pixels at once."""


class SlideClosed(SlideError, ValueError):
    """The slide was closed before its pixels were asked for."""

    def __init__(self, file: str) -> None:
        super().__init__(file, "is closed", "Read while it is open, or open it again.")
