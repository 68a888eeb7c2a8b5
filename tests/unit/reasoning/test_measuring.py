import numpy as np
import pytest

from services.kit.contracts import Cell, Kind, Morphometry, Region, TileCells
from services.reasoning.cells import Box, SmearCell
from services.reasoning.cells import Kind as CellKind
from services.reasoning.evidence import read_field
from services.reasoning.lines import jsonl
from services.reasoning.measuring import QUANTITIES, distributions


def cell(number, diameter=None):
    measured = dict.fromkeys(QUANTITIES, 1.0) | {"diameter_um": diameter} if diameter else {}
    return SmearCell(f"c{number}", CellKind.ERYTHROCYTE, "normal", ("normal",), Box(0, 0, 7, 7), measured=measured)


def test_a_quantity_is_spread_as_the_cells_that_could_be_measured():
    sizes = np.random.default_rng(3).normal(7.4, 0.5, 400)
    cells = [*(cell(n, size) for n, size in enumerate(sizes)), *(cell(1000 + n) for n in range(100))]
    found = {one.name: one for one in distributions(cells, 200)}
    diameter = found["erythrocytes.diameter_um"]
    assert (diameter.cells, diameter.unit) == (400, "um")
    assert diameter.mean == pytest.approx(sizes.mean())
    assert diameter.sd == pytest.approx(sizes.std(ddof=1))
    assert (diameter.low, diameter.median, diameter.high) == pytest.approx(np.percentile(sizes, [2.5, 50, 97.5]))
    assert found["erythrocytes.circularity"].sd == 0
    assert len(found) == 5


def test_of_too_few_cells_nothing_is_told():
    assert distributions([cell(n, 7.0) for n in range(199)] + [cell(999)], 200) == ()
    assert distributions([], 1) == ()


def test_what_was_measured_of_a_cell_comes_with_its_message_and_stays_with_the_evidence():
    shape = Morphometry(diameter_um=7.25, area_um2=41.25, circularity=0.9375, elongation=1.125, central_pallor=0.0)
    known = Cell(
        cell_id="a", kind=Kind.KIND_ERYTHROCYTE, label="normal", box=Region(width_um=7, height_um=7), measured=shape
    )
    other = Cell(cell_id="b", kind=Kind.KIND_ERYTHROCYTE, label="normal", box=Region(width_um=7, height_um=7))
    tile = TileCells(tile_id="t", cells=[known, other])
    first, second = read_field(tile).cells
    assert first.measured == {
        "diameter_um": 7.25, "area_um2": 41.25, "circularity": 0.9375, "elongation": 1.125, "central_pallor": 0.0,
    }  # fmt: skip
    assert second.measured == {}
    (line,) = jsonl([tile]).decode().splitlines()
    assert (
        '"measured": {"diameter_um": 7.25, "area_um2": 41.25, "circularity": 0.9375, "elongation": 1.125, "central_pallor": 0.0}'
        in line
    )
    assert line.count('"measured"') == 1
