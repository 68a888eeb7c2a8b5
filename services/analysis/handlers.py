"""`tiles` in, `cells` out."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from datetime import datetime
from functools import partial

from services.analysis import cells as domain
from services.analysis.ahead import Batches
from services.analysis.cells import Kind
from services.analysis.messages import cell_id, cell_message, tile_cells, unreadable_tile
from services.analysis.readers import Readers
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

    def __init__(
        self, readers: Readers, store: TileStore, batches: Batches, pool: Executor, clock: Clock, metrics: Metrics
    ) -> None:
        self._readers = readers
        self._store = store
        self._batches = batches
        self._pool = pool
        self._clock = clock
        self._metrics = metrics

    def tiles(self, batch: Sequence[Received]) -> Iterator[Outgoing]:
        """Read the tiles in batches, some of which are under way at the same time.

        Raises TileUnreadable naming the tile whose pixels cannot be had; the loop then delivers the others alone.
        Raises TransientError while the models cannot be had.
        """
        tiles: list[Tile] = [message.value for message in batch]
        reader = self._readers.current(min(filter(None, map(_deadline, tiles)), default=None))
        for answers in self._batches.map(partial(self._read, reader), tiles):
            yield from map(self._outgoing, answers)

    def unreadable(self, message: Received, reason: str) -> Iterator[Outgoing]:
        """Tell that a tile could not be read, so that no round waits for its cells for ever."""
        yield self._outgoing(unreadable_tile(message.value, reason))

    def _read(self, reader: CellReader, tiles: Sequence[Tile]) -> list[TileCells]:
        pixels = list(self._pool.map(self._store.load, tiles))
        found = reader.read(pixels)
        return list(self._pool.map(partial(self._answer, reader), tiles, pixels, found))

    def _answer(self, reader: CellReader, tile: Tile, pixels: TilePixels, found: Sequence[domain.Cell]) -> TileCells:
        cells = [self._message(tile, pixels, cell) for cell in found]
        return tile_cells(tile, cells, reader.models(pixels.classify))

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
        return Outgoing(CELLS, slide.slide_id, answer, _deadline(answer))


def _deadline(message: Tile | TileCells) -> datetime | None:
    return from_timestamp(message.slide.deadline) if message.slide.HasField("deadline") else None
