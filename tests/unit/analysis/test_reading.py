import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analysis.cells import Box, Detection, Kind, Placement
from services.analysis.pixels import TILE, centred_crop
from services.analysis.reading import crop_of
from services.analysis.tiles import TilePixels

ALL = frozenset(Kind)
CELLS = [
    (Kind.LEUKOCYTE, 300, 400, 40),
    (Kind.ERYTHROCYTE, 700, 700, 25),
    (Kind.ERYTHROCYTE, 900, 200, 26),
    (Kind.PLATELET, 500, 900, 8),
    (Kind.ERYTHROCYTE, 30, 500, 25),
]


def tile(image, classify=ALL):
    return TilePixels(image, Placement(-64, -64, 1, 1), Box(0, 0, 1024, 1024), classify)


def summary(cells):
    return sorted((str(cell.detection.kind), *map(round, cell.detection.box.centre), cell.verdict) for cell in cells)


@pytest.fixture
def image(spots):
    return spots(TILE, TILE, CELLS)


def test_cells_of_the_core_are_found_and_those_of_the_margin_left_to_the_neighbour(reader, image):
    (cells,) = reader.read([tile(image)])
    found = {(str(c.detection.kind), *map(int, c.detection.box.centre)) for c in cells}
    assert found == {(str(kind), x, y) for kind, x, y, _ in CELLS[:-1]}


def test_classifier_batches_are_filled_across_tiles(reader, runtime, image):
    reader.read([tile(image), tile(np.ascontiguousarray(image[::-1])), tile(image)])
    assert runtime.batches == [("detector", 3), ("leukocytes", 3), ("erythrocytes", 6), ("plasmodium", 6)]


def test_a_batch_gives_each_tile_what_it_gives_alone(reader, image):
    other = np.ascontiguousarray(image[:, ::-1])
    together = reader.read([tile(image), tile(other)])
    alone = [reader.read([tile(one)])[0] for one in (image, other)]
    assert [summary(cells) for cells in together] == [summary(cells) for cells in alone]


def test_erythrocytes_are_classified_only_where_asked_for(reader, runtime, image):
    asked, unasked = tile(image), tile(image, frozenset({Kind.LEUKOCYTE}))
    first, second = reader.read([asked, unasked])
    assert runtime.batches[-2:] == [("erythrocytes", 2), ("plasmodium", 2)]
    assert [any(cell.findings.by_name for cell in cells) for cells in (first, second)] == [True, False]
    labels = [{c.verdict.label for c in cells if c.detection.kind is Kind.ERYTHROCYTE} for cells in (first, second)]
    assert labels == [{"light"}, {""}]


def test_platelets_keep_the_word_of_the_detector(reader, image):
    (cells,) = reader.read([tile(image)])
    (platelet,) = [cell for cell in cells if cell.detection.kind is Kind.PLATELET]
    assert platelet.verdict.label == "platelet"
    assert platelet.verdict.candidates == ("platelet",)


def test_red_cells_alone_are_searched_for_parasites(reader, image):
    (cells,) = reader.read([tile(image)])
    assert {cell.detection.kind for cell in cells if cell.findings.by_name} == {Kind.ERYTHROCYTE}
    assert all("plasmodium" in cell.findings.by_name for cell in cells if cell.detection.kind is Kind.ERYTHROCYTE)


def test_no_tiles_give_no_cells(reader):
    assert reader.read([]) == []


def test_the_models_named_are_those_that_were_asked(reader):
    assert [card.name for card in reader.models(ALL)] == ["detector", "leukocytes", "erythrocytes", "plasmodium"]
    assert [card.name for card in reader.models(frozenset({Kind.LEUKOCYTE}))] == ["detector", "leukocytes"]


@given(x=st.floats(0, 300), y=st.floats(0, 260), size=st.sampled_from([80, 192]))
def test_crops_are_centred_and_repeat_the_edge_where_they_leave_the_tile(x, y, size):
    image = np.random.default_rng(0).integers(0, 256, (260, 300, 3), np.uint8)
    detection = Detection(Kind.LEUKOCYTE, Box(x - 10, y - 10, 20, 20), 1.0)
    assert np.array_equal(crop_of(image, detection, size), centred_crop(image, *detection.box.centre, size))
