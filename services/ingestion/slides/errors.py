"""What can be wrong with a slide.

    SlideError
    ├── SlideIncomplete    files are missing or still growing: wait, then ask again
    │   └── SlideChanged   it is not the scan any more that was opened: what was read of it is worth nothing
    ├── SlideUnreachable   the share cannot be read now: try again later
    ├── SlideDamaged       the files contradict themselves or the format: copy the scan again
    ├── SlideUnsupported   a sound file of a kind that is not read (fluorescence, several scans, unknown pixel size)
    └── RegionRefused      the caller asked for pixels that cannot be given (also a ValueError)

Messages name the file, the field or offset, and what to do. File names are relative to the scan.
"""


class SlideError(Exception):
    """A slide, or a part of one, that cannot be read.

    `file` is the name of the file concerned, `problem` what is wrong with it, `advice` what to do.
    """

    default_advice = "Look at the file."

    def __init__(self, file: str, problem: str, advice: str | None = None) -> None:
        super().__init__(file, problem, advice)
        self.file = file
        self.problem = problem
        self.advice = self.default_advice if advice is None else advice

    def __str__(self) -> str:
        """For a person; what a file name holds that is no text stands in backslash escapes."""
        return f"{self.file}: {self.problem}. {self.advice}".encode("utf-8", "backslashreplace").decode()


class SlideIncomplete(SlideError):
    """Files are missing, short, or not written yet. Waiting may mend it."""

    default_advice = "Wait until the scan has been copied; if it stays so, copy it again from the scanner."


class SlideChanged(SlideIncomplete):
    """The files changed while the scan was read: pixels of two versions may stand side by side."""

    default_advice = "Leave a scan alone while it is read; it is read anew when it is still."


class SlideUnreachable(SlideError):
    """The operating system could not read the file. Says nothing about the scan itself."""

    default_advice = "Check the share and its permissions; the scan is tried again."


class SlideDamaged(SlideError):
    """The files contradict themselves or the format. Waiting does not mend it."""

    default_advice = "Copy the scan again from the scanner; if it stays so, scan the slide again."


class SlideUnsupported(SlideError):
    """A sound file of a kind that is not read here."""

    default_advice = "Scan the slide in brightfield (RGB) and leave it on the share as the scanner writes it."


class RegionRefused(SlideError, ValueError):
    """A region outside the limits: a level that is not there, no size, or too many pixels at once."""

    default_advice = "Ask for a smaller region, in pixels of one of the slide's levels."
