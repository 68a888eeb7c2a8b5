"""Films of gigapixels made of few pictures, for benchmarks: each picture's tiles are encoded once and shared."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


class BlockMosaic:
    """A film laid out of square blocks that repeat.

    `blocks` are n x block x block x 3 uint8 pictures, `layout` holds for each place of the film the index of its block,
    -1 for background. The block must be the tile size times a power of two, so that tiles of every level fall
    either inside one block or on whole blocks: a 12-gigapixel film is 70 x 40 places of 2048-px blocks.

    Raises:
        ValueError: blocks are not square and alike, or the layout names a block that is not there.
    """

    def __init__(self, blocks: Sequence[Pixels], layout: Sequence[Sequence[int]] | NDArray[np.integer]) -> None:
        self.blocks = [np.ascontiguousarray(block, np.uint8) for block in blocks]
        self.layout = np.asarray(layout, np.int32)
        self.block = self.blocks[0].shape[0] if self.blocks else 0
        if not self.blocks or any(block.shape != (self.block, self.block, 3) for block in self.blocks):
            raise ValueError("a mosaic needs blocks that are all alike: square, 3 samples a pixel")
        if self.layout.ndim != 2 or not self.layout.size:
            raise ValueError(f"a mosaic's layout has rows and columns, not the shape {self.layout.shape}")
        if self.layout.min() < -1 or self.layout.max() >= len(self.blocks):
            raise ValueError(f"a mosaic's layout names blocks 0 to {len(self.blocks) - 1}, or -1 for background")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, samples."""
        rows, columns = self.layout.shape
        return rows * self.block, columns * self.block, 3
