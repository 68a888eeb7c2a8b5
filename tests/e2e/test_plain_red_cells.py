"""Fields of real cells without malaria, read by the released models: what the detector and the search make of them."""

from itertools import combinations

import numpy as np
import pytest

from services.analysis.cells import Box, Kind, Placement
from services.analysis.pixels import TILE
from services.analysis.settings import AnalysisSettings
from services.analysis.tiles import TilePixels
from services.analysis.wiring import reader_of, runtime_of
from services.reasoning.counting import CountingTable
from services.simulator.composer import FieldRecipe, compose_field

FIELDS = 12


@pytest.fixture(scope="module")
def fields():
    settings = AnalysisSettings.load()
    reader = reader_of(settings, runtime_of(settings))
    whole, place = Box(0, 0, TILE, TILE), Placement(0, 0, 1, 1)
    images = [compose_field(FieldRecipe(width_px=TILE, height_px=TILE, seed=seed)).image for seed in range(FIELDS)]
    return reader.read([TilePixels(np.ascontiguousarray(i), place, whole, frozenset(Kind)) for i in images])


def test_few_red_cells_look_infected(fields):
    """No more than reasoning allows for: with more, every plain slide would be held for malaria."""
    counting = CountingTable.load()
    red = [cell for cells in fields for cell in cells if cell.detection.kind is Kind.ERYTHROCYTE]
    found = [cell.findings.by_name["plasmodium"] for cell in red if cell.findings.reliable]
    assert len(found) > counting.minimum_parasites.value
    infected = sum(probability >= counting.plasmodium_probability.value for probability in found)
    assert 100 * infected / len(found) <= counting.misread_plasmodium.value


def test_no_place_holds_cells_of_two_kinds(fields):
    for cells in fields:
        for one, other in combinations([cell.detection for cell in cells], 2):
            if one.kind is not other.kind:
                apart = np.hypot(*np.subtract(one.box.centre, other.box.centre))
                sizes = sorted([one.box.width * one.box.height, other.box.width * other.box.height])
                assert apart > 2 or sizes[0] < 0.8 * sizes[1], (one, other)
