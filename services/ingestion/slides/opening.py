"""Opens any slide: the scanner's own .vsi by the reader here, everything else by the libraries made for it."""

from pathlib import Path

from services.ingestion.slides.errors import SlideUnsupported
from services.ingestion.slides.foreign.slide import ForeignSlide
from services.ingestion.slides.formats import refuse_unread
from services.ingestion.slides.slide import Slide
from services.ingestion.slides.vsi.slide import VsiSlide


def open_slide(
    path: Path | str,
    *,
    scene: str | None = None,
    plane: int | None = None,
    um_per_px: float | None = None,
    threads: int = 1,
) -> Slide:
    """Open the main scan of a slide for reading.

    `scene` names one of several scans of a slide (refused without a name); `plane` is the z-plane read, the middle one
    where None; `um_per_px` is the pixel size to assume where the file states none (one it states is always used);
    `threads` is how many decode one region side by side: leave it at 1 where regions are read side by side.

    Raises:
        SlideIncomplete: files are missing or short: wait.
        SlideUnreachable: the share cannot be read now.
        SlideDamaged: the files contradict themselves.
        SlideUnsupported: a kind of file that is not read, a scan that must be named, or an unknown pixel size.
    """
    path = Path(path)
    if path.suffix.lower() == ".vsi":
        return VsiSlide(path, scene=scene, plane=plane, um_per_px=um_per_px, threads=threads)
    refuse_unread(path)
    if plane not in (None, 0):
        raise SlideUnsupported(path.name, f"has no z-plane {plane}", "Z-planes are read from .vsi files only.")
    return ForeignSlide(path, scene=scene, um_per_px=um_per_px)
