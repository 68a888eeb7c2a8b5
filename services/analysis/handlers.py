"""`tiles` in, `cells` out."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor

from services.analysis import cells as domain
from services.analysis.cells import Kind
from services.analysis.messages import cell_id, cell_message, tile_cells, unreadable_tile
from services.analysis.reading import CellReader
from services.analysis.tile_store import TileStore, fragment
from services.analysis.tiles import TilePixels
from services.kit.clock import Clock, from_timestamp
from services.kit.contracts import Cell, Stage, Tile, TileCells
from services.kit.stages import reach
from services.kit.telemetry import Metrics
from services.kit.transport import Outgoing, Received

CELLS = "cells"


class AnalysisHandlers:
    """Stateless: a tile delivered again gives the same cells under the same ids, and overwrites its own crops."""

    def __init__(self, reader: CellReader, store: TileStore, pool: Executor, clock: Clock, metrics: Metrics) -> None:
        self._reader = reader
        self._store = store
        self._pool = pool
        self._clock = clock
        self._metrics = metrics

    def tiles(self, batch: Sequence[Received]) -> Iterator[Outgoing]:
        """Read the tiles of one batch together.

        Raises TileUnreadable naming the tile whose pixels cannot be had; the loop then delivers the others alone.
        """
        tiles: list[Tile] = [message.value for message in batch]
        pixels = list(self._pool.map(self._store.load, tiles))
        found = self._reader.read(pixels)
        for answer in self._pool.map(self._answer, tiles, pixels, found):
            yield self._outgoing(answer)

    def unreadable(self, message: Received, reason: str) -> Iterator[Outgoing]:
        """Tell that a tile could not be read, so that no round waits for its cells for ever."""
        yield self._outgoing(unreadable_tile(message.value, reason))

    def _answer(self, tile: Tile, pixels: TilePixels, found: Sequence[domain.Cell]) -> TileCells:
        cells = [self._message(tile, pixels, cell) for cell in found]
        return tile_cells(tile, cells, self._reader.models(pixels.classify))

    def _message(self, tile: Tile, pixels: TilePixels, cell: domain.Cell) -> Cell:
        name = cell_id(tile, cell.detection)
        if cell.detection.kind is Kind.LEUKOCYTE:
            crop = self._store.keep_crop(tile, pixels.image, name, cell.detection)
        else:
            crop = fragment(tile, cell.detection.box)
        return cell_message(name, cell, pixels.placement, crop)

    def _outgoing(self, answer: TileCells) -> Outgoing:
        slide = answer.slide
        reach(slide, Stage.STAGE_CELLS_READ, self._clock.now(), self._metrics)
        deadline = from_timestamp(slide.deadline) if slide.HasField("deadline") else None
        return Outgoing(CELLS, slide.slide_id, answer, deadline)
