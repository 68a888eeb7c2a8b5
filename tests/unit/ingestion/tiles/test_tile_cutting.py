import cv2
import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st

from services.ingestion.slides.errors import SlideDamaged, SlideUnreachable
from services.ingestion.tiles import CANONICAL_UM_PER_PX, CORE_UM, TILE_PX, Region, TileImage, Unreadable, cut, cut_all
from services.ingestion.tiles.window import window
from tests.unit.ingestion.film.memory_slide import MemorySlide

SMOOTH = cv2.resize(np.random.default_rng(1).integers(90, 250, (60, 60, 3), np.uint8), (3600, 3600))


def core(row, column):
    return Region(column * CORE_UM, row * CORE_UM, CORE_UM, CORE_UM)


def pixels(tile):
    return simplejpeg.decode_jpeg(tile.jpeg)


def within(inner, outer, tolerance=0.0):
    return (
        outer.x_um <= inner.x_um + tolerance
        and outer.y_um <= inner.y_um + tolerance
        and inner.x_um + inner.width_um <= outer.x_um + outer.width_um + tolerance
        and inner.y_um + inner.height_um <= outer.y_um + outer.height_um + tolerance
    )


def test_a_scan_at_the_canonical_resolution_is_cut_as_it_is():
    tile = cut(MemorySlide(SMOOTH), core(1, 1))
    assert tile.um_per_px == CANONICAL_UM_PER_PX
    assert tile.region.x_um == tile.region.y_um == pytest.approx(960 * 0.137)
    difference = pixels(tile).astype(int) - SMOOTH[960 : 960 + TILE_PX, 960 : 960 + TILE_PX]
    assert np.abs(difference).mean() < 1.0


@pytest.mark.parametrize("um_per_px", [0.1357, 0.1383])
def test_a_scan_within_one_percent_keeps_its_own_pixels(um_per_px):
    tile = cut(MemorySlide(SMOOTH, um_per_px), core(1, 1))
    assert tile.um_per_px == um_per_px
    left, top = round(tile.region.x_um / um_per_px), round(tile.region.y_um / um_per_px)
    difference = pixels(tile).astype(int) - SMOOTH[top : top + TILE_PX, left : left + TILE_PX]
    assert np.abs(difference).mean() < 1.0
    assert within(tile.core, tile.region)


@given(st.floats(0.04, 0.3), st.integers(0, 3), st.integers(0, 3))
def test_the_tile_shows_its_region_and_holds_its_core_with_room_around_it(um_per_px, row, column):
    slide = MemorySlide(SMOOTH[:8, :8], um_per_px)
    source = window(slide, core(row, column))
    assert within(core(row, column), source.region)
    margin = core(row, column).x_um - source.region.x_um
    assert margin == pytest.approx(64 * CANONICAL_UM_PER_PX, abs=0.9)
    assert source.um_per_px * source.side / TILE_PX == pytest.approx(CANONICAL_UM_PER_PX, rel=0.0101)


@pytest.mark.parametrize("um_per_px", [0.25, 0.1, 0.055])
def test_other_scans_are_resampled_without_shift(um_per_px):
    """A pattern drawn in µm comes out at the same µm whatever the scan's pixels are."""
    side = int(420 / um_per_px)
    y, x = (np.mgrid[0:side, 0:side].astype(np.float32) + 0.5) * um_per_px
    wave = 128 + 60 * np.sin(2 * np.pi * x / 9.0) * np.cos(2 * np.pi * y / 7.0)
    tile = cut(MemorySlide(np.repeat(np.rint(wave)[..., None], 3, axis=2).astype(np.uint8), um_per_px), core(1, 1))
    got = pixels(tile)[..., 1].astype(float)
    assert got.shape == (TILE_PX, TILE_PX)
    v, u = (np.mgrid[0:TILE_PX, 0:TILE_PX] + 0.5) * tile.um_per_px
    u, v = u + tile.region.x_um, v + tile.region.y_um
    expected = 128 + 60 * np.sin(2 * np.pi * u / 9.0) * np.cos(2 * np.pi * v / 7.0)
    inner = np.index_exp[8:-8, 8:-8]
    assert np.abs(got[inner] - expected[inner]).mean() < 1.5


def test_detail_too_fine_for_the_tile_is_averaged_and_not_aliased():
    stripes = np.zeros((2800, 2800, 3), np.uint8)
    stripes[:, ::2] = 255
    tile = cut(MemorySlide(stripes, 0.06), core(0, 0))
    inner = pixels(tile)[200:900, 200:900].astype(float)
    assert inner.std() < 4
    assert inner.mean() == pytest.approx(127.5, abs=4)


def test_a_finer_scan_is_read_from_the_nearest_level_that_is_fine_enough():
    assert window(MemorySlide(SMOOTH, 0.137), core(0, 0)).level == 0
    assert window(MemorySlide(SMOOTH, 0.0685), core(0, 0)).level == 1
    assert window(MemorySlide(SMOOTH, 0.05), core(0, 0)).level == 1
    assert window(MemorySlide(SMOOTH, 0.274), core(0, 0)).level == 0


def test_what_lies_outside_the_slide_is_its_background():
    tile = cut(MemorySlide(SMOOTH[:1200, :1200], background=(235, 236, 240)), core(0, 0))
    outside = pixels(tile)[:48].reshape(-1, 3)
    np.testing.assert_allclose(outside.mean(axis=0), (235, 236, 240), atol=2)


def test_tiles_come_in_order_and_single_damaged_ones_are_told_apart():
    slide = MemorySlide(SMOOTH, damaged=[(1500, 400, 20, 20)])
    cores = [core(row, column) for row in range(3) for column in range(3)]
    found = list(cut_all(slide, cores, threads=3))
    assert [each.core for each in found] == cores
    damaged = [each for each in found if isinstance(each, Unreadable)]
    assert [each.core for each in damaged] == [core(0, 1)]
    assert isinstance(damaged[0].error, SlideDamaged)
    for each, at in zip(found, cores, strict=True):
        if isinstance(each, TileImage):
            assert each == cut(slide, at)


def test_a_share_that_goes_away_ends_the_cutting():
    slide = MemorySlide(SMOOTH)

    def unreachable(*args):
        raise SlideUnreachable.of("frame_t.ets", "cannot be read", TimeoutError())

    slide.read_region = unreachable
    with pytest.raises(SlideUnreachable):
        list(cut_all(slide, [core(0, 0), core(0, 1)]))


def test_no_more_tiles_are_cut_ahead_than_memory_is_meant_for():
    slide = MemorySlide(SMOOTH)
    asked = []

    def cores():
        for column in range(100):
            asked.append(column)
            yield core(0, column)

    tiles = cut_all(slide, cores(), threads=2)
    next(tiles)
    assert len(asked) <= 4
    tiles.close()
