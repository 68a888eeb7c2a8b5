"""Cells by way of a local Triton beside those of the models in this process, over fields of real cells.

python -m benchmarks.triton_equality [--fields 100]: prints the largest difference of each kind; ends with status 1 when
a label differs or a number by more than 1e-4.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from services.analysis.cells import Box, Cell, Kind, Placement
from services.analysis.parasites import PLASMODIUM
from services.analysis.pixels import CANONICAL_UM_PER_PX, TILE, TILE_CORE, TILE_MARGIN
from services.analysis.settings import AnalysisSettings
from services.analysis.tiles import TilePixels
from services.analysis.wiring import reader_of, readers_of, runtime_of
from services.kit.clock import SystemClock
from services.kit.objects import Objects
from services.kit.service import Resources
from services.kit.telemetry import Metrics
from services.simulator.composer.film import compose_field
from services.simulator.composer.recipe import FieldRecipe
from stack.triton import TritonServer

TOLERANCE = 1e-4
BATCH = 8


def main() -> None:
    """Compare, print, and fail when they are not the same."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fields", type=int, default=100)
    found = compare(parser.parse_args().fields)
    json.dump(found, sys.stdout, indent=2)
    print()
    if found["other_labels"] or found["other_cells"] or found["largest_difference"] > TOLERANCE:
        sys.exit("the cells are not the same")


def compare(fields: int) -> dict[str, Any]:
    """What differs between the two ways."""
    settings = AnalysisSettings.load(threads=1)
    embedded = reader_of(settings, runtime_of(settings))
    with tempfile.TemporaryDirectory() as folder:
        server = TritonServer(Path(folder))
        server.start()
        resources = Resources(SystemClock(), Metrics(), Objects.in_memory(), lambda *_: _no_database())
        readers = readers_of(AnalysisSettings.load(triton=server.address, triton_timeout_s=300), resources)
        try:
            pairs = [
                pair
                for tiles in composed_tiles(fields, BATCH)
                for pair in zip(embedded.read(tiles), readers.current(None).read(tiles), strict=True)
            ]
        finally:
            readers.close()
            server.stop()
    return _differences(pairs)


def composed_tiles(fields: int, batch: int) -> Iterator[list[TilePixels]]:
    """Batches of neighbouring fields, in rows of `batch`."""
    um = CANONICAL_UM_PER_PX
    core = Box(TILE_MARGIN * um, TILE_MARGIN * um, TILE_CORE * um, TILE_CORE * um)
    both = frozenset({Kind.LEUKOCYTE, Kind.ERYTHROCYTE})
    for row, first in enumerate(range(0, fields, batch)):
        count = min(batch, fields - first)
        picture = compose_field(FieldRecipe(width_px=count * TILE, height_px=TILE, seed=row)).image
        images = [picture[:, left : left + TILE] for left in range(0, count * TILE, TILE)]
        yield [TilePixels(image, Placement(0.0, 0.0, um, um), core, both) for image in images]


def _differences(pairs: list[tuple[list[Cell], list[Cell]]]) -> dict[str, Any]:
    same = [pair for ours, theirs in pairs if len(ours) == len(theirs) for pair in zip(ours, theirs, strict=True)]
    return {
        "fields": len(pairs),
        "cells": len(same),
        "other_cells": sum(len(ours) != len(theirs) for ours, theirs in pairs),
        "other_labels": sum(one.verdict.label != other.verdict.label for one, other in same),
        "largest_difference": max(float(np.abs(_numbers(one) - _numbers(other)).max()) for one, other in same),
    }


def _numbers(cell: Cell) -> np.ndarray:
    # The stages of a parasite are told from a probability on, which differences may straddle.
    return np.array([cell.detection.score, *cell.verdict.probabilities, cell.findings.get(PLASMODIUM, 0.0)])


def _no_database() -> Any:
    raise AssertionError("analysis keeps no state")


if __name__ == "__main__":
    main()
