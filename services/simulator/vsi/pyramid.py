"""The tiles of a pyramid, finest to coarsest, holding only a few tiles in memory however large the picture."""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass

import numpy as np

from services.simulator.vsi.mosaic import BlockMosaic, Pixels
from services.simulator.vsi.stack import Image, Stack


@dataclass(frozen=True, slots=True)
class Tile:
    """One place in the pyramid. Tiles with equal keys have equal pixels; `render` gives those, padded to full size."""

    level: int
    x: int
    y: int
    plane: int
    key: Hashable
    render: Callable[[], Pixels]


def halve(pixels: Pixels) -> Pixels:
    """The mean of each 2 x 2 pixels; sizes round up, an odd last row or column is repeated."""
    height, width = pixels.shape[:2]
    padded = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge").astype(np.uint16)
    total = padded[0::2, 0::2] + padded[1::2, 0::2] + padded[0::2, 1::2] + padded[1::2, 1::2]
    return ((total + 2) >> 2).astype(np.uint8)


def tiles(stack: Stack) -> Iterator[Tile]:
    """Every tile of every plane and level of a stack; each level halves, rounding up, until one tile holds it all."""
    if isinstance(stack.image, BlockMosaic):
        yield from _MosaicTiles(stack, stack.image)
        return
    for number, plane in enumerate(stack.planes or [stack.image]):
        yield from _PlaneTiles(stack, plane, number)


class _Grid:
    """Level sizes of the stored grid: the picture and the margin that its tile origin puts before it."""

    def __init__(self, stack: Stack) -> None:
        self.tile = stack.tile
        self.background = np.array(stack.background, np.uint8)
        self.sizes = [(stack.size[0] - stack.origin[0], stack.size[1] - stack.origin[1])]
        while max(self.sizes[-1]) > self.tile:
            width, height = self.sizes[-1]
            self.sizes.append(((width + 1) // 2, (height + 1) // 2))

    def padded(self, pixels: Pixels) -> Pixels:
        """Pixels at the top left of a full tile, background beyond them."""
        if pixels.shape == (self.tile, self.tile, 3):
            return np.ascontiguousarray(pixels)
        full = np.empty((self.tile, self.tile, 3), np.uint8)
        full[:] = self.background
        full[: pixels.shape[0], : pixels.shape[1]] = pixels
        return full


class _PlaneTiles:
    """One plane, depth first: a coarse tile is made of its four finer ones, which are then forgotten."""

    def __init__(self, stack: Stack, plane: Image, number: int) -> None:
        self._grid = _Grid(stack)
        self._margin = (-stack.origin[0], -stack.origin[1])
        self._plane = plane
        self._number = number

    def __iter__(self) -> Iterator[Tile]:
        found: list[Tile] = []
        for _ in self._visit(len(self._grid.sizes) - 1, 0, 0, found):
            yield from found
            found.clear()

    def _visit(self, level: int, x: int, y: int, found: list[Tile]) -> Iterator[Pixels | None]:
        """Yields None while finer tiles are put in `found`, and last this tile's pixels without padding."""
        left, top = x * self._grid.tile, y * self._grid.tile
        if left >= self._grid.sizes[level][0] or top >= self._grid.sizes[level][1]:
            return
        if level == 0:
            pixels = self._finest(left, top)
        else:
            rows: list[list[Pixels]] = [[], []]
            for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
                for child in self._visit(level - 1, 2 * x + right, 2 * y + down, found):
                    yield None
                    if child is not None:
                        rows[down].append(child)
            pixels = halve(np.concatenate([np.concatenate(row, axis=1) for row in rows if row], axis=0))
        padded = self._grid.padded(pixels)
        found.append(Tile(level, x, y, self._number, (level, x, y, self._number), lambda: padded))
        yield pixels

    def _finest(self, left: int, top: int) -> Pixels:
        width, height = self._grid.sizes[0]
        right, bottom = min(left + self._grid.tile, width), min(top + self._grid.tile, height)
        pixels = np.empty((bottom - top, right - left, 3), np.uint8)
        pixels[:] = self._grid.background
        before, above = self._margin
        from_x, from_y = max(left, before), max(top, above)
        if from_x < right and from_y < bottom:
            pixels[from_y - top :, from_x - left :] = self._plane[
                from_y - above : bottom - above, from_x - before : right - before
            ]
        return pixels


class _MosaicTiles:
    """A mosaic's tiles: rendered from blocks reduced once per level, keyed by what they show."""

    def __init__(self, stack: Stack, mosaic: BlockMosaic) -> None:
        self._grid = _Grid(stack)
        self._mosaic = mosaic

    def __iter__(self) -> Iterator[Tile]:
        blank = np.empty_like(self._mosaic.blocks[0])
        blank[:] = self._grid.background
        # The last block is the background, so that the layout's -1 finds it.
        blocks = [*self._mosaic.blocks, blank]
        for level, (width, height) in enumerate(self._grid.sizes):
            for y in range(-(-height // self._grid.tile)):
                for x in range(-(-width // self._grid.tile)):
                    yield self._tile(blocks, level, x, y)
            blocks = [halve(block) for block in blocks]

    def _tile(self, blocks: list[Pixels], level: int, x: int, y: int) -> Tile:
        per_block = blocks[0].shape[0] // self._grid.tile
        if per_block:
            block = int(self._mosaic.layout[y // per_block, x // per_block])
            left, top = (x % per_block, y % per_block) if block >= 0 else (0, 0)
            return Tile(level, x, y, 0, (level, block, left, top), lambda: self._part(blocks[block], left, top))
        span = self._grid.tile // blocks[0].shape[0]
        window = self._mosaic.layout[y * span : (y + 1) * span, x * span : (x + 1) * span]
        return Tile(level, x, y, 0, (level, window.shape, window.tobytes()), lambda: self._assembled(blocks, window))

    def _part(self, block: Pixels, x: int, y: int) -> Pixels:
        size = self._grid.tile
        return np.ascontiguousarray(block[y * size : (y + 1) * size, x * size : (x + 1) * size])

    def _assembled(self, blocks: list[Pixels], window: np.ndarray[tuple[int, ...], np.dtype[np.int32]]) -> Pixels:
        rows = [np.concatenate([blocks[index] for index in row], axis=1) for row in window]
        return self._grid.padded(np.concatenate(rows, axis=0))
