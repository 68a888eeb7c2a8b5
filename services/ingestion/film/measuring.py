"""What one block of the raster says: one value per map cell, and the candidates for nuclei."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from services.ingestion.film.focus import blur_px, edges, in_steps
from services.ingestion.film.grains import grains
from services.ingestion.film.nuclei import Nuclei, candidates
from services.ingestion.film.raster import CELL_PX, HALO_PX, Block, Raster
from services.ingestion.film.stain import LAYER, Pixels, Stain

_STAINED_LAYERS = 0.3
"""Layers from which a pixel is covered: above plasma, below a pale cell's centre."""

_OVERLAP_LAYERS = 1.6
_FILL_TOLERANCE = 2
_CUT_REACH_PX = 5


@dataclass(frozen=True, slots=True)
class CellMaps:
    """Values per map cell, all of one shape.

    Shares of the cell's area, 0–255: `cover` stained, `overlap` under more than one red cell, `blank` exactly the fill
    colour, `cut` fill that touches stain. `grains` counts specks smaller than a platelet (64 each), `layers` is the
    mean number of red cells on top of each other (64 = one), nuclei counting as one. `blur` is the width of edges
    within 30 µm around the cell, in 1/64 µm.
    """

    cover: Pixels
    overlap: Pixels
    grains: Pixels
    layers: Pixels
    blank: Pixels
    cut: Pixels
    blur: Pixels


@dataclass(frozen=True, slots=True)
class Measured:
    """A block's map values and nuclei; centres are µm on the slide."""

    block: Block
    cells: CellMaps
    nuclei: Nuclei


def measure(raster: Raster, block: Block, stain: Stain, fill: tuple[int, int, int] | None) -> Measured:
    """Read and measure one block; `fill` is the colour of tiles that the scan leaves out, None when it holds all.

    Raises:
        SlideError: the block cannot be read.
    """
    width, height = (-(-side // CELL_PX) * CELL_PX for side in (block.width, block.height))
    rgb = raster.read(block.x - HALO_PX, block.y - HALO_PX, width + 2 * HALO_PX, height + 2 * HALO_PX)
    separated = stain.separate(rgb)
    nuclei = candidates(separated.nuclear, raster.um_per_px)
    inner = slice(HALO_PX, -HALO_PX)
    core = np.index_exp[inner, inner]
    cover = _above(np.maximum(separated.layers, separated.nuclear), _STAINED_LAYERS * LAYER)
    blank, cut = _left_out(rgb, cover, fill)
    cells = CellMaps(
        cover=_mean(cover[core]),
        overlap=_mean(_above(separated.layers, _OVERLAP_LAYERS * LAYER)[core]),
        grains=grains(np.ascontiguousarray(separated.nuclear[core]), CELL_PX),
        layers=_mean(np.maximum(separated.layers, np.minimum(separated.nuclear, LAYER))[core]),
        blank=_mean(blank[core]),
        cut=_mean(cut[core]),
        blur=_blur(rgb, raster.um_per_px),
    )
    return Measured(block, cells, _owned(nuclei, block, raster.um_per_px))


def _owned(nuclei: Nuclei, block: Block, um_per_px: float) -> Nuclei:
    """Those whose centre lies in the block and not in its halo, placed on the slide."""
    x, y = nuclei.x_um / um_per_px - HALO_PX, nuclei.y_um / um_per_px - HALO_PX
    own = (x >= 0) & (x < block.width) & (y >= 0) & (y < block.height)
    placed = replace(nuclei, x_um=(x + block.x) * np.float32(um_per_px), y_um=(y + block.y) * np.float32(um_per_px))
    return placed[own]


def _left_out(rgb: Pixels, cover: Pixels, fill: tuple[int, int, int] | None) -> tuple[Pixels, Pixels]:
    if fill is None:
        nothing = np.zeros_like(cover)
        return nothing, nothing
    low, high = (np.clip(np.array(fill, np.int16) + d, 0, 255) for d in (-_FILL_TOLERANCE, _FILL_TOLERANCE))
    blank = np.asarray(cv2.inRange(rgb, low.astype(np.uint8), high.astype(np.uint8)), np.uint8)
    near = cv2.dilate(cover, np.ones((_CUT_REACH_PX, _CUT_REACH_PX), np.uint8))
    return blank, np.asarray(cv2.bitwise_and(blank, near), np.uint8)


def _above(values: Pixels, threshold: float) -> Pixels:
    return np.asarray(cv2.threshold(values, threshold, 255, cv2.THRESH_BINARY)[1], np.uint8)


def _mean(values: Pixels) -> Pixels:
    size = (values.shape[1] // CELL_PX, values.shape[0] // CELL_PX)
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.uint8)


def _blur(rgb: Pixels, um_per_px: float) -> Pixels:
    """Of the block without its halo, which the pooling uses up."""
    energy = edges(np.ascontiguousarray(rgb[..., 1]))
    size = (rgb.shape[1] // CELL_PX, rgb.shape[0] // CELL_PX)
    halo = HALO_PX // CELL_PX
    pooled = [
        cv2.blur(cv2.resize(part, size, interpolation=cv2.INTER_AREA), (2 * halo + 1, 2 * halo + 1))
        for part in (energy.sharp, energy.softened)
    ]
    width_um = blur_px(*(np.asarray(part[halo:-halo, halo:-halo], np.float32) for part in pooled)) * um_per_px
    return in_steps(np.asarray(width_um, np.float32))
