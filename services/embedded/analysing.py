"""`frottis analyse`: the cells of images, folders of images, and slides, as one JSON line each."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path

from services.analysis.analyse import Analyser, Broken, Picture, checked
from services.analysis.cells import Box, Kind
from services.analysis.errors import ImageUnreadable, ResolutionInvalid
from services.analysis.images import find_images
from services.analysis.lines import CellLine, part_of, write_lines
from services.analysis.settings import AnalysisSettings
from services.analysis.wiring import build_analyser
from services.ingestion import open_slide
from services.ingestion.slides.formats import SCAN_SUFFIXES
from services.ingestion.slides.slide import Slide
from services.kit.errors import SettingsError


class Cropped(StrEnum):
    """Kinds whose centred crops can be classified."""

    LEUKOCYTE = "leukocyte"
    ERYTHROCYTE = "erythrocyte"


def analyse(paths: Sequence[Path], um_per_px: float | None, out: Path, cell: Cropped | None, broken: Broken) -> int:
    """Write the cells of all `paths` to `out`, in their order; returns how many. Broken images are told and left out,
    and so are the places of a slide whose tiles were lost.

    `um_per_px` is needed for images, which do not record it; a slide's own resolution is used where it has one.

    Raises:
        SettingsError: a slide was given with `cell`, images without their resolution, or an input as `out`; nothing was
            opened.
        SlideError, FrottisError: an input that cannot be read, by name; nothing was written.
    """
    kind = None if cell is None else Kind(cell)
    _check_usage(paths, um_per_px, kind)
    _check_out(paths, out)
    _check_inputs(paths, um_per_px)
    analyser = build_analyser(AnalysisSettings.load())
    return write_lines(_lines(analyser, paths, um_per_px, kind, broken), out)


def _check_usage(paths: Sequence[Path], um_per_px: float | None, kind: Kind | None) -> None:
    if kind and any(map(is_slide, paths)):
        raise SettingsError("--cell is for images of one cell each, not for slides: leave it out, or give images alone")
    if not all(map(is_slide, paths)):
        try:
            checked(um_per_px)
        except ResolutionInvalid as error:
            raise SettingsError(str(error)) from error


def _check_out(paths: Sequence[Path], out: Path) -> None:
    """The file is written over what lies at its place, and that may be hours of a scanner's work."""
    written = [file for file in (out, part_of(out)) if _same(file, file)]
    if not written:
        return
    for read in _files_read(paths):
        if any(_same(file, read) for file in written):
            raise SettingsError(f"--out {out} would be written over {read}, which is read: choose another place for it")


def _files_read(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if is_slide(path):
            yield path
            yield from path.with_name(f"_{path.stem}_").rglob("*")
        else:
            yield from find_images([path])


def _same(one: Path, other: Path) -> bool:
    """Both are there, and one file, by whichever name."""
    try:
        return one.samefile(other)
    except OSError:
        return False


def _check_inputs(paths: Sequence[Path], um_per_px: float | None) -> None:
    """What is not there or cannot be opened is told before hours are spent on the others."""
    for path in paths:
        if is_slide(path):
            with open_slide(path, um_per_px=um_per_px) as slide:
                checked(slide.um_per_px)
        else:
            next(find_images([path]))


def is_slide(path: Path) -> bool:
    """Whether a path is read as a slide: by its name; a TIFF is an image unless it is an OME-TIFF."""
    name = path.name.lower()
    return name.endswith((".ome.tif", ".ome.tiff")) or (
        path.suffix.lower() in SCAN_SUFFIXES and not name.endswith((".tif", ".tiff"))
    )


def _picture(path: Path, slide: Slide) -> Picture:
    lost = [Box(place.x, place.y, place.width, place.height) for place in slide.lost_tiles()]
    return Picture(str(path), slide, slide.um_per_px, lost)


def _partly_lost(picture: Picture) -> ImageUnreadable:
    """What to tell of a scan with lost tiles. The rest of it is read, as images beside a broken one are."""
    unread, tiles = picture.unread_tiles()
    return ImageUnreadable(
        f"{picture.name}: {len(picture.lost)} tiles of the scan are not stored although its coarser picture shows "
        f"stain there: {unread} of {tiles} places were left out, and their cells are not told: "
        "copy the scan again from the scanner; if it stays so, scan the slide again"
    )


def _lines(
    analyser: Analyser, paths: Sequence[Path], um_per_px: float | None, kind: Kind | None, broken: Broken
) -> Iterator[CellLine]:
    """Neighbouring images are read together, so that batches fill across them."""
    images: list[Path] = []
    for path in paths:
        if not is_slide(path):
            images.append(path)
            continue
        yield from analyser.analyse_files(images, um_per_px, kind, broken=broken) if images else ()
        images = []
        with open_slide(path, um_per_px=um_per_px) as slide:
            picture = _picture(path, slide)
            if picture.lost:
                broken(_partly_lost(picture))
            yield from analyser.analyse([picture])
    yield from analyser.analyse_files(images, um_per_px, kind, broken=broken) if images else ()
