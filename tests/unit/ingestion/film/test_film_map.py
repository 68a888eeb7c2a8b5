import cv2
import numpy as np
import pytest

from services.ingestion.film import Part, map_film, summarise
from services.ingestion.film import raster as raster_module
from services.ingestion.film.raster import raster
from services.ingestion.slides.errors import SlideDamaged
from services.ingestion.slides.slide import Level
from tests.unit.ingestion.film.films import field, film, mapped
from tests.unit.ingestion.film.memory_slide import MemorySlide

BAND = (0.5, 0.62)


class GlassAtLevel0(MemorySlide):
    """Lost tiles are read as glass from the finest level, and are there in the others."""

    def __init__(self, image, **fields):
        super().__init__(image, **fields)
        self._pictures[0] = self._pictures[0].copy()
        for x, y, width, height in self._lost:
            self._pictures[0][y : y + height, x : x + width] = self.background


def true_parts():
    truth, found = film().truth, mapped()
    parts = np.zeros(found.parts.shape, np.uint8)
    for region in truth.regions:
        if region.strength is None:
            corners = np.round(np.array(region.polygon) / found.cell_um).astype(np.int32)
            cv2.fillPoly(parts, [corners], int(Part[region.name.upper()]))
    return parts


@pytest.mark.parametrize(
    ("part", "least"), [(Part.BARE, 0.8), (Part.THICK, 0.85), (Part.MONOLAYER, 0.8), (Part.FEATHERED, 0.65)]
)
def test_the_parts_of_the_film_are_where_they_were_composed(part, least):
    expected, found = true_parts() == part, mapped().parts == part
    assert np.count_nonzero(expected & found) / np.count_nonzero(expected | found) >= least


def test_every_nucleated_cell_in_focus_is_found_and_little_else():
    nuclei = mapped().nuclei.probable
    hits, claimed = [], np.zeros(len(nuclei), bool)
    for cell in film().truth.cells:
        if cell.kind == "leukocyte":
            near = (abs(nuclei.x_um - cell.x_um) < cell.w_um / 2) & (abs(nuclei.y_um - cell.y_um) < cell.h_um / 2)
            claimed |= near
            if not BAND[0] - 0.02 < cell.x_um / film().truth.width_um < BAND[1] + 0.02:
                hits.append(near.any())
    assert np.mean(hits) >= 0.97
    assert np.mean(claimed) >= 0.95


def test_the_blurred_band_is_out_of_focus_and_the_rest_is_not():
    found = mapped()
    columns = (np.arange(found.parts.shape[1]) + 0.5) * found.cell_um / found.width_um
    band = (columns > BAND[0] + 0.02) & (columns < BAND[1] - 0.02)
    beside = (columns < BAND[0] - 0.08) | (columns > BAND[1] + 0.08)
    assert np.mean(found.in_focus[:, band][found.covered[:, band]]) < 0.4
    assert np.mean(found.in_focus[:, beside][found.covered[:, beside]]) > 0.9


def test_the_expected_red_cells_are_about_those_composed():
    found, truth = mapped(), film().truth
    left, right = 0.32, 0.48
    columns = (np.arange(found.parts.shape[1]) + 0.5) * found.cell_um / found.width_um
    expected = found.red_cells[:, (columns > left) & (columns < right)].sum()
    there = [c for c in truth.cells if c.kind == "erythrocyte" and left < c.x_um / truth.width_um < right]
    assert expected == pytest.approx(len(there), rel=0.12)


def test_the_summary_adds_up():
    summary = summarise(mapped())
    assert summary.covered_mm2 == pytest.approx(summary.thick_mm2 + summary.monolayer_mm2 + summary.feathered_mm2)
    assert 0.7 < summary.in_focus < 0.95
    assert summary.nuclei == len(mapped().nuclei.probable)
    assert summary.missing_tiles == 0
    assert summary.hematoxylin_od > 2 * summary.eosin_od > 0.1


def test_the_map_does_not_depend_on_threads_or_on_how_the_film_is_cut_into_blocks(monkeypatch):
    slide = MemorySlide(field().image)
    whole = map_film(slide, threads=1)
    monkeypatch.setattr(raster_module, "_BLOCK_READ_PX", 80)
    pieces = map_film(slide, threads=3)
    np.testing.assert_array_equal(pieces.parts, whole.parts)
    np.testing.assert_allclose(pieces.nuclei.x_um, whole.nuclei.x_um, atol=0.01)
    np.testing.assert_allclose(pieces.nuclei.area_um2, whole.nuclei.area_um2, rtol=0.01)


def test_a_slide_without_a_pyramid_gives_the_same_nuclei():
    slide = MemorySlide(field().image)
    flat = MemorySlide(field().image)
    flat.levels = (Level(flat.width, flat.height, 1.0),)
    assert raster(flat).reduction == 7
    assert len(map_film(flat).nuclei.probable) == pytest.approx(len(map_film(slide).nuclei.probable), abs=1)


def test_what_cannot_be_decoded_is_marked_and_the_rest_is_mapped(monkeypatch):
    monkeypatch.setattr(raster_module, "_BLOCK_READ_PX", 256)
    found = map_film(MemorySlide(field().image, damaged=[(1300, 1300, 200, 200)]))
    assert found.damaged.any()
    assert not found.damaged.all()
    assert not found.clean[found.damaged > 0].any()


def test_a_slide_of_which_nothing_can_be_decoded_is_damaged():
    with pytest.raises(SlideDamaged, match="no tile of level 2"):
        map_film(MemorySlide(field().image, damaged=[(0, 0, 1536, 1536)]))


def test_missing_tiles_beside_stain_are_counted_and_lost():
    image = field().image.copy()
    image[512:1024, 512:1024] = 255
    found = map_film(MemorySlide(image, missing_tiles=1))
    assert found.missing_tiles == 1
    assert found.lost[10, 10]
    assert not found.clean[found.lost].any()


def test_tiles_that_only_the_finest_level_has_lost_are_counted_and_lost():
    found = map_film(MemorySlide(field().image, missing_tiles=1, lost=[(512, 512, 512, 512)]))
    assert found.missing_tiles == 1
    assert found.absent[10, 10]
    assert found.lost[found.absent > 0].all()
    assert not found.clean[found.lost].any()
    assert found.clean[:, 20:].any()


def test_a_tile_that_every_level_has_lost_is_counted_once():
    image = field().image.copy()
    image[512:1024, 512:1024] = 255
    assert map_film(MemorySlide(image, missing_tiles=1, lost=[(512, 512, 512, 512)])).missing_tiles == 1


def test_a_lost_tile_does_not_put_what_lies_around_it_out_of_focus():
    image = field().image
    whole = map_film(MemorySlide(image))
    lost = map_film(GlassAtLevel0(image, missing_tiles=1, lost=[(0, 0, 1024, 1536)]))
    beside = lost.covered & (lost.absent == 0)
    np.testing.assert_array_equal(lost.in_focus[beside], whole.in_focus[beside])


def test_tiles_that_are_left_out_on_bare_glass_are_no_loss():
    image = np.full((2048, 3072, 3), 255, np.uint8)
    image[:1536, :1536] = field().image
    image[1536:] = (241, 238, 236)
    image[:, 1536:2048] = (241, 238, 236)
    assert map_film(MemorySlide(image, missing_tiles=4)).missing_tiles == 0
