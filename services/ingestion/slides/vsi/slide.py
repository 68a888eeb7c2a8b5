"""A VS200 slide, open for reading."""

from contextlib import ExitStack
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from services.ingestion.slides.errors import SlideClosed, SlideUnsupported
from services.ingestion.slides.regions import checked_region
from services.ingestion.slides.slide import Level, Pixels, Region
from services.ingestion.slides.vsi.absent import lost_tiles
from services.ingestion.slides.vsi.choice import chosen_scan, sole_untyped
from services.ingestion.slides.vsi.container import Container, read_container
from services.ingestion.slides.vsi.declaration import SlideDeclaration, StackDeclaration
from services.ingestion.slides.vsi.documents import open_pixels, open_vsi, read_declaration
from services.ingestion.slides.vsi.identity import identity
from services.ingestion.slides.vsi.pyramid import build_pyramid, check_brightfield
from services.ingestion.slides.vsi.tiles import TileReader


class VsiSlide:
    """The main scan of a .vsi. Satisfies `Slide`; everything that can be checked without its pixels has been checked.

    `scene` names one of several scans, `plane` the z-plane to read (the middle one where None). `um_per_px` stands in
    where the scan does not say its pixel size. `cache_mib` and `threads` are those of `TileReader`.

    Raises:
        SlideIncomplete, SlideDamaged, SlideUnsupported, SlideUnreachable: see `errors`.
    """

    format = "vsi"

    def __init__(
        self,
        path: Path,
        *,
        scene: str | None = None,
        plane: int | None = None,
        um_per_px: float | None = None,
        cache_mib: int = 64,
        threads: int = 1,
    ) -> None:
        self.path = path
        self._closed = False
        with ExitStack() as opened:
            self._vsi = opened.enter_context(open_vsi(path))
            declaration = read_declaration(self._vsi)
            scan = _scan(path, declaration, scene)
            self._pixels = opened.enter_context(open_pixels(path, scan))
            self._container = read_container(self._pixels)
            self._pyramid = build_pyramid(self._pixels, scan, self._container, plane)
            self._describe(declaration, scan, um_per_px)
            self._tiles = TileReader(
                self._pixels, self._container.header, self._pyramid, cache_mib=cache_mib, threads=threads
            )
            self._opened = opened.pop_all()
        self._opened.callback(self._tiles.close)

    def _describe(self, declaration: SlideDeclaration, scan: StackDeclaration, um_per_px: float | None) -> None:
        self.width, self.height = scan.size
        self.levels: tuple[Level, ...] = self._pyramid.levels
        self.um_per_px: float = scan.um_per_px if um_per_px is None else scan.um_per_px_or(um_per_px)
        self.barcode: str | None = declaration.barcode(scan)
        self.scanned_at: datetime | None = scan.scanned_at
        self.objective: str | None = scan.objective
        self.magnification: float | None = scan.magnification
        self.planes: int = self._pyramid.planes
        self.plane: int = self._pyramid.plane
        self.background: tuple[int, int, int] = self._container.header.background
        self.missing_tiles: int = self._pyramid.index.missing(0)

    @cached_property
    def identity(self) -> str:
        """Equal for copies of this scan; see `identity` for what it covers."""
        return identity(self._vsi, self._pixels, _table(self._container))

    @cached_property
    def suspect_tiles(self) -> int:
        """Absent tiles whose place is stained on a coarser level; costs a pass over the rows that lack tiles."""
        return len(self.lost_tiles())

    def lost_tiles(self, level: int = 0) -> tuple[Region, ...]:
        """Where the tiles of a level are absent and a coarser level is stained; costs as `suspect_tiles` does."""
        if self._closed:
            raise SlideClosed(self.path.name)
        return lost_tiles(self._pyramid, self._tiles, self.background, level)

    def read_region(self, x: int, y: int, width: int, height: int, level: int = 0) -> Pixels:
        """The pixels from (x, y) of a level, (height, width, 3) uint8 RGB; see `Slide.read_region`."""
        if self._closed:
            raise SlideClosed(self.path.name)
        return self._tiles.read(checked_region(self.path.name, self.levels, x, y, width, height, level))

    def close(self) -> None:
        self._closed = True
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _scan(path: Path, declaration: SlideDeclaration, scene: str | None) -> StackDeclaration:
    try:
        return chosen_scan(declaration, scene)
    except SlideUnsupported:
        untyped = sole_untyped(declaration) if scene is None else None
        if untyped is not None:
            # What it holds is a better reason than that its type is missing.
            with open_pixels(path, untyped) as file:
                check_brightfield(file, read_container(file))
        raise


def _table(container: Container) -> tuple[bytes, ...]:
    arrays = (container.coordinates, container.offsets, container.lengths)
    return tuple(array.tobytes() for array in arrays)
