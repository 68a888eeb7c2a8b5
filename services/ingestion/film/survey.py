"""One pass over the whole film."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, fields, replace

import cv2
import numpy as np

from services.ingestion.film.estimation import estimate, looks_like_film
from services.ingestion.film.film_map import FilmMap
from services.ingestion.film.measuring import CellMaps, Measured, measure
from services.ingestion.film.missing import absent_cells, missing_tiles
from services.ingestion.film.nuclei import Nuclei, gathered
from services.ingestion.film.pallor import faint, nearest
from services.ingestion.film.raster import CELL_PX, Block, Raster, raster
from services.ingestion.film.sharpness import confirmed_blur
from services.ingestion.film.stain import LAYER, Pixels, Stain
from services.ingestion.film.summary import summarise
from services.ingestion.film.thickness import Part, parts
from services.ingestion.film.verdict import empty, require_fine, require_plausible, require_readable, unstained
from services.ingestion.slides.errors import SlideDamaged
from services.ingestion.slides.slide import Slide

_SAMPLE_PX = 128
_SAMPLE_GRID = (10, 16)
_SMALLEST_BLOCK_PX = 256
_POOL_CELLS = 9
_LEAST_COVER = 5
_MOSTLY = 0.5

Fill = tuple[int, int, int]


def map_film(slide: Slide, threads: int = 2) -> FilmMap:
    """The map of a slide's film.

    Memory holds two blocks and the maps, about 15 bytes for each 9 µm square of the slide. Blocks that cannot be
    decoded are marked as damaged.

    Raises:
        UnreadableFilm: the film is empty, unstained, unfocused, too large, or scanned too coarsely (see `verdict`).
        SlideDamaged: nothing of the level that is mapped can be decoded.
        SlideError: the scan cannot be read any more.
    """
    require_fine(slide.um_per_px)
    require_plausible(slide.width * slide.um_per_px, slide.height * slide.um_per_px)
    film_raster = raster(slide)
    fill = slide.background if slide.missing_tiles else None
    with ThreadPoolExecutor(threads, "film") as pool:
        sample = _sample(film_raster, pool)
        survey = _Survey(film_raster, _stain(film_raster, sample, fill), fill)
        for measured in _in_turn(pool, survey, film_raster.blocks(), threads):
            survey.add(measured)
        film = survey.film_map(pool, sample)
    require_readable(film, summarise(film))
    return film


@dataclass(frozen=True, slots=True)
class _Patches:
    """Squares all over the raster that can be decoded (n x side x side x 3), and their left top corners (x, y)."""

    pixels: Pixels
    corners: tuple[tuple[int, int], ...]


def _sample(film: Raster, pool: Executor) -> _Patches:
    corners = _corners(film)
    patches = pool.map(lambda corner: _patch(film, *corner), corners)
    read = [(patch, corner) for patch, corner in zip(patches, corners, strict=True) if patch is not None]
    if not read:
        raise SlideDamaged(
            film.slide.path.name, f"no tile of level {film.level}, which the film map is made of, can be decoded"
        )
    return _Patches(np.stack([patch for patch, _ in read]), tuple(corner for _, corner in read))


def _stain(film: Raster, sample: _Patches, fill: Fill | None) -> Stain:
    stain = estimate(sample.pixels, fill, film.um_per_px)
    if stain is None:
        raise unstained() if looks_like_film(sample.pixels, fill) else empty(0.0)
    return stain


def _corners(film: Raster) -> list[tuple[int, int]]:
    rows, columns = _SAMPLE_GRID
    across = np.unique(np.linspace(0, max(film.width - _SAMPLE_PX, 0), columns).astype(int))
    down = np.unique(np.linspace(0, max(film.height - _SAMPLE_PX, 0), rows).astype(int))
    return [(int(x), int(y)) for y in down for x in across]


def _patch(film: Raster, x: int, y: int) -> Pixels | None:
    try:
        return film.read(x, y, _SAMPLE_PX, _SAMPLE_PX)
    except SlideDamaged:
        return None


def _in_turn(pool: Executor, survey: "_Survey", blocks: Iterable[Block], threads: int) -> Iterator[list[Measured]]:
    waiting: deque[Future[list[Measured]]] = deque()
    for block in blocks:
        waiting.append(pool.submit(survey.measured, block))
        if len(waiting) > threads:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


class _Survey:
    """The maps while they fill."""

    def __init__(self, film: Raster, stain: Stain, fill: Fill | None) -> None:
        self._raster = film
        self._stain = stain
        self._fill = fill
        self._cells = CellMaps(*(np.zeros(film.map_shape, np.uint8) for _ in fields(CellMaps)))
        self._damaged = np.ones(film.map_shape, np.uint8)
        self._nuclei: list[Nuclei] = []

    def measured(self, block: Block) -> list[Measured]:
        """The block, or what can be read of it in ever smaller parts. Called by several threads."""
        try:
            return [measure(self._raster, block, self._stain, self._fill)]
        except SlideDamaged:
            if max(block.width, block.height) <= _SMALLEST_BLOCK_PX:
                return []
        return [found for part in _quarters(block) for found in self.measured(part)]

    def add(self, found: list[Measured]) -> None:
        for one in found:
            rows, columns = one.cells.cover.shape
            top, left = one.block.y // CELL_PX, one.block.x // CELL_PX
            where = np.index_exp[top : top + rows, left : left + columns]
            for each in fields(CellMaps):
                getattr(self._cells, each.name)[where] = getattr(one.cells, each.name)
            self._damaged[where] = 0
            self._nuclei.append(one.nuclei)

    def film_map(self, pool: Executor, sample: _Patches) -> FilmMap:
        """The finished map."""
        slide, cells, cell_um = self._raster.slide, self._cells, self._raster.cell_um
        film_parts = parts(cells, cell_um)
        lost, absent = absent_cells(slide, cells.cover.shape, cell_um)
        missing, count = missing_tiles(cells, cell_um, slide.um_per_px, absent)
        # A patch of glass where a tile was lost would tell of blur all around it.
        film = (film_parts != Part.BARE) & (absent == 0)
        blur = confirmed_blur(cells.blur, cells.cover, film, cell_um, slide, pool)
        found = FilmMap(
            width_um=slide.width * slide.um_per_px,
            height_um=slide.height * slide.um_per_px,
            cell_um=cell_um,
            parts=film_parts,
            cover=cells.cover,
            grains=_pooled(cells.grains),
            stain=_colour(cells),
            blur=blur,
            missing=missing,
            absent=absent,
            damaged=self._damaged,
            faint=np.zeros_like(film_parts),
            nuclei=gathered(self._nuclei),
            colours=self._stain,
            missing_tiles=count + lost,
        )
        return replace(found, faint=_faint(found, sample))


def _quarters(block: Block) -> Iterator[Block]:
    width, height = (-(-side // 2 // CELL_PX) * CELL_PX for side in (block.width, block.height))
    for y in range(0, block.height, height):
        for x in range(0, block.width, width):
            yield Block(block.x + x, block.y + y, min(width, block.width - x), min(height, block.height - y))


def _faint(film: FilmMap, sample: _Patches) -> Pixels:
    """Where the nearest patch is faint, judged by those of which most is thin and in focus."""
    cells = [
        (slice(y // CELL_PX, (y + _SAMPLE_PX) // CELL_PX), slice(x // CELL_PX, (x + _SAMPLE_PX) // CELL_PX))
        for x, y in sample.corners
    ]
    thin = np.array([np.mean(film.thin[where]) > _MOSTLY for where in cells])
    centres = [((x + _SAMPLE_PX / 2) / CELL_PX, (y + _SAMPLE_PX / 2) / CELL_PX) for x, y in sample.corners]
    found = faint(sample.pixels, film.colours, thin)
    return np.asarray(found[nearest(film.parts.shape, centres)], np.uint8)


def _pooled(values: Pixels) -> Pixels:
    return np.asarray(cv2.blur(values, (_POOL_CELLS, _POOL_CELLS)), np.uint8)


def _colour(cells: CellMaps) -> Pixels:
    """Layers per covered area; one layer where hardly anything is covered."""
    cover = _pooled(cells.cover)
    colour = np.asarray(cv2.divide(_pooled(cells.layers), cover, scale=255), np.uint8)
    colour[cover <= _LEAST_COVER] = LAYER
    return colour
