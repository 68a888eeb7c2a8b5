"""What `frottis analyse` does: pictures in, one line for each cell out, streamed, batched across pictures."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TypeAlias

from services.analysis.ahead import batched, mapped
from services.analysis.cells import Box, Cell, Detection, Findings, Kind
from services.analysis.errors import ImageUnreadable, KindUnclassified, ResolutionInvalid
from services.analysis.grid import ArrayRegion, RegionReader, Span, cut, windows
from services.analysis.images import ImageFile, find_images
from services.analysis.lines import CellLine, line_of
from services.analysis.morphometry import measure
from services.analysis.pixels import Rgb, centred_crop, resample
from services.analysis.reading import CellReader
from services.analysis.tiles import TilePixels

FINEST_UM_PER_PX, COARSEST_UM_PER_PX = 0.02, 1.0
_CROPS_PER_BATCH = 64
_SURE = 1.0

Broken: TypeAlias = Callable[[ImageUnreadable], None]
"""Told each image that cannot be read; the others are read all the same."""

Progress: TypeAlias = Callable[[str, float], None]
"""Told the name of a picture and the share of it, 0 to 1, that has been read."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A named picture at a resolution.

    `lost` are places of which the picture has no pixels although there were some: a tile that touches one is not read,
    for its cells would be counted as what is left of them, and those that are gone as glass.
    """

    name: str
    reader: RegionReader
    um_per_px: float
    lost: Sequence[Box] = ()

    def unread_tiles(self) -> tuple[int, int]:
        """How many of its tiles are not read, and how many it has."""
        tiles = list(windows(self.reader, self.um_per_px))
        return sum(_touches(tile, self.lost) for tile in tiles), len(tiles)


@dataclass(frozen=True, eq=False)
class _Window:
    """One tile of a picture, not yet cut."""

    picture: Picture
    across: Span
    down: Span


class Analyser:
    """Reads pictures with the models that read slides. Cells of all kinds are classified."""

    def __init__(self, reader: CellReader, *, tiles_per_batch: int, threads: int) -> None:
        self._reader = reader
        self._batch = tiles_per_batch
        self._threads = threads
        self._classes = {kind: c.card.classes for kind, c in reader.classifiers.items()}

    def analyse_image(self, image: Rgb, um_per_px: float, name: str = "") -> list[CellLine]:
        """The cells of one picture (uint8 height x width x 3). Raises ResolutionInvalid."""
        return list(self.analyse([Picture(name, ArrayRegion(image), um_per_px)]))

    def analyse_crop(self, image: Rgb, um_per_px: float, kind: Kind, name: str = "") -> CellLine:
        """The one cell in the middle of a picture. Raises ResolutionInvalid, KindUnclassified."""
        return next(self.analyse_crops([Picture(name, ArrayRegion(image), um_per_px)], kind))

    def analyse_files(
        self,
        paths: Iterable[Path],
        um_per_px: float | None,
        kind: Kind | None = None,
        progress: Progress | None = None,
        broken: Broken | None = None,
    ) -> Iterator[CellLine]:
        """The cells of image files and folders of them; with `kind`, each image is one centred cell.

        An image that cannot be read is told to `broken`, and the others are read all the same.

        Raises ResolutionInvalid, KindUnclassified, and, without `broken`, ImageUnreadable naming the file.
        """
        resolution = checked(um_per_px)
        pictures = whole_pictures(find_images(paths), resolution, broken)
        if kind is None:
            return self.analyse(pictures, progress)
        return self.analyse_crops(pictures, kind, progress)

    def analyse(self, pictures: Iterable[Picture], progress: Progress | None = None) -> Iterator[CellLine]:
        """The cells of pictures of any size (slides too), tile by tile; memory does not grow with size or number.

        `progress` is told after each tile.
        """
        with ThreadPoolExecutor(self._threads, "analyse-decode") as pool:
            tiles = mapped(pool, _cut, _windows(pictures), 2 * self._batch)
            for batch in batched(tiles, self._batch):
                found = self._reader.read([tile for _, tile in batch])
                for (window, tile), cells in zip(batch, found, strict=True):
                    yield from (self._line(window.picture, tile, cell) for cell in cells)
                    if progress:
                        progress(window.picture.name, _share(window))

    def analyse_crops(
        self, pictures: Iterable[Picture], kind: Kind, progress: Progress | None = None
    ) -> Iterator[CellLine]:
        """One line for each picture, of the one cell in its middle; its box is the picture and its score 1."""
        if kind not in self._reader.classifiers:
            known = ", ".join(self._reader.classifiers)
            raise KindUnclassified(f"a {kind} has no classifier: give one of {known}")
        return self._crop_lines(pictures, kind, progress)

    def _crop_lines(self, pictures: Iterable[Picture], kind: Kind, progress: Progress | None) -> Iterator[CellLine]:
        classifier, parasites = self._reader.classifiers[kind], self._reader.parasites
        with ThreadPoolExecutor(self._threads, "analyse-decode") as pool:
            crops = mapped(pool, lambda picture: _centre(picture, classifier.crop), pictures, 2 * _CROPS_PER_BATCH)
            for batch in batched(crops, _CROPS_PER_BATCH):
                cut = [crop for _, crop in batch]
                verdicts = classifier.classify(cut)
                searched = [_narrowed(crop, parasites.crop) for crop in cut if kind is Kind.ERYTHROCYTE]
                findings = parasites.findings(searched) or [Findings()] * len(cut)
                for (picture, crop), verdict, found in zip(batch, verdicts, findings, strict=True):
                    box = Box(0, 0, picture.reader.width, picture.reader.height)
                    measured = measure(crop) if kind is Kind.ERYTHROCYTE else None
                    cell = Cell(Detection(kind, box, _SURE), verdict, found, measured)
                    yield line_of(picture.name, cell, box, self._classes)
                    if progress:
                        progress(picture.name, 1.0)

    def _line(self, picture: Picture, tile: TilePixels, cell: Cell) -> CellLine:
        box = tile.placement.box(cell.detection.box)
        return line_of(picture.name, cell, _inside(box, picture.reader), self._classes)


def checked(um_per_px: float | None) -> float:
    """The resolution, when it is one that a microscope gives. Raises ResolutionInvalid."""
    if um_per_px is None:
        raise ResolutionInvalid("µm per pixel is not known: give it with --um-per-px, such as 0.137 for a 40x scan")
    if not (isfinite(um_per_px) and FINEST_UM_PER_PX <= um_per_px <= COARSEST_UM_PER_PX):
        raise ResolutionInvalid(
            f"{um_per_px} µm per pixel is not between {FINEST_UM_PER_PX} and {COARSEST_UM_PER_PX}, where cells can be "
            "told apart: give the size of one pixel on the glass, in µm, such as 0.137 for a 40x scan"
        )
    return um_per_px


def _windows(pictures: Iterable[Picture]) -> Iterator[_Window]:
    for picture in pictures:
        for across, down in windows(picture.reader, checked(picture.um_per_px)):
            if not _touches((across, down), picture.lost):
                yield _Window(picture, across, down)


def _touches(tile: tuple[Span, Span], places: Sequence[Box]) -> bool:
    across, down = tile
    return any(
        across.first < place.x + place.width
        and place.x < across.past
        and down.first < place.y + place.height
        and place.y < down.past
        for place in places
    )


def _cut(window: _Window) -> TilePixels:
    return cut(window.picture.reader, window.picture.um_per_px, window.across, window.down, frozenset(Kind))


def _centre(picture: Picture, size: int) -> Rgb:
    reader = picture.reader
    image = resample(reader.read_region(0, 0, reader.width, reader.height), checked(picture.um_per_px))
    return centred_crop(image, image.shape[1] / 2, image.shape[0] / 2, size)


def _narrowed(crop: Rgb, size: int) -> Rgb:
    return centred_crop(crop, crop.shape[1] / 2, crop.shape[0] / 2, size)


def _inside(box: Box, reader: RegionReader) -> Box:
    """The part of the box inside the picture, as labelled boxes end there too."""
    left, top = max(box.x, 0.0), max(box.y, 0.0)
    right, bottom = min(box.x + box.width, reader.width), min(box.y + box.height, reader.height)
    return Box(left, top, right - left, bottom - top)


def _share(window: _Window) -> float:
    """How much of the picture lies above and left of the tile's end, tiles being read row by row."""
    reader = window.picture.reader
    rows = window.down.high - window.down.low
    return (window.down.low + rows * window.across.high / reader.width) / reader.height


def whole_pictures(paths: Iterable[Path], um_per_px: float, broken: Broken | None) -> Iterator[Picture]:
    """The images as pictures, each decoded whole once before its turn, so that a broken one has no cells at all.

    Raises ImageUnreadable for a broken one where nobody is to be told.
    """
    for path in paths:
        try:
            image = ImageFile(path)
            image.check()
        except ImageUnreadable as error:
            if broken is None:
                raise
            broken(error)
        else:
            yield Picture(str(path), image, um_per_px)
