"""Damaged, hostile and unfinished .vsi and .ets files get a typed error that names the place."""

import os
import struct

import numpy as np
import pytest

from services.ingestion import SlideDamaged, SlideError, SlideIncomplete, SlideUnreachable, SlideUnsupported, open_slide
from services.ingestion.slides.files import file_set
from services.ingestion.slides.slide import Region
from tests.unit.ingestion.slides.slide_making import (
    COUNT_AT,
    RECORD,
    TABLE_AT,
    lose_tiles,
    make_slide,
    patch,
    picture,
    pixel_file,
)


def table(path):
    return struct.unpack_from("<Q", path.read_bytes(), TABLE_AT)[0]


@pytest.fixture
def slide(tmp_path):
    return make_slide(tmp_path, picture(500, 300))


@pytest.mark.parametrize(
    ("offset", "value", "error"),
    [
        pytest.param(0, b"SOS\0", SlideDamaged, id="magic"),
        pytest.param(12, struct.pack("<I", 0), SlideDamaged, id="no axes"),
        pytest.param(12, struct.pack("<I", 2**32 - 1), SlideDamaged, id="2^32 axes"),
        pytest.param(16, struct.pack("<Q", 2**63), SlideIncomplete, id="pixel header past the end"),
        pytest.param(24, struct.pack("<I", 2**32 - 1), SlideDamaged, id="pixel header of 4 GiB"),
        pytest.param(32, struct.pack("<Q", 2**64 - 8), SlideIncomplete, id="table past the end"),
        pytest.param(32, struct.pack("<Q", 4), SlideDamaged, id="table inside the header"),
        pytest.param(40, struct.pack("<I", 2**32 - 1), SlideDamaged, id="2^32 tiles"),
        pytest.param(40, struct.pack("<I", 0), SlideDamaged, id="no tiles"),
        pytest.param(64, b"STE\0", SlideDamaged, id="pixel header's magic"),
        pytest.param(72, struct.pack("<I", 4), SlideUnsupported, id="16-bit pixels"),
        pytest.param(76, struct.pack("<I", 1), SlideUnsupported, id="one sample"),
        pytest.param(84, struct.pack("<I", 0), SlideUnsupported, id="codec says raw"),
        pytest.param(84, struct.pack("<I", 3), SlideDamaged, id="codec says JPEG 2000"),
        pytest.param(92, struct.pack("<I", 2**32 - 1), SlideDamaged, id="tile 2^32 px wide"),
        pytest.param(92, struct.pack("<I", 0), SlideDamaged, id="tile 0 px wide"),
        pytest.param(236, struct.pack("<i", -34), SlideDamaged, id="another tile origin"),
        pytest.param(252, struct.pack("<I", 2**32 - 1), SlideDamaged, id="2^32 px wide"),
        pytest.param(248, struct.pack("<I", 2**32 - 1), SlideDamaged, id="2^32 dimensions"),
    ],
)
def test_a_bad_header_field_is_an_error(slide, offset, value, error):
    patch(pixel_file(slide), offset, value)
    with pytest.raises(error), open_slide(slide) as opened:
        opened.read_region(0, 0, 500, 300)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param(0, struct.pack("<I", 5), id="axes"),
        pytest.param(4, struct.pack("<i", -1), id="x negative"),
        pytest.param(4, struct.pack("<i", 2**31 - 1), id="x 2^31"),
        pytest.param(4, struct.pack("<i", 1), id="x of another tile"),
        pytest.param(12, struct.pack("<i", -1), id="slot negative"),
        pytest.param(12, struct.pack("<i", 3), id="another image"),
        pytest.param(16, struct.pack("<i", -1), id="level negative"),
        pytest.param(16, struct.pack("<i", 2**31 - 1), id="level 2^31"),
        pytest.param(20, struct.pack("<Q", 2**64 - 1), id="offset 2^64"),
        pytest.param(20, struct.pack("<Q", 0), id="offset in the header"),
        pytest.param(28, struct.pack("<I", 2**32 - 1), id="length 2^32"),
        pytest.param(28, struct.pack("<I", 0), id="no length"),
    ],
)
def test_a_bad_tile_record_is_an_error(slide, field, value):
    patch(pixel_file(slide), table(pixel_file(slide)) + field, value)
    with pytest.raises((SlideDamaged, SlideUnsupported)):
        open_slide(slide)


@pytest.mark.parametrize("bit", range(32))
@pytest.mark.parametrize("planes", [1, 2])
def test_a_flip_of_any_bit_of_the_tile_count_is_an_error(tmp_path, bit, planes):
    """One that makes it greater may be a file of which the end is still to come, one that makes it smaller is not."""
    several = {"planes": [picture(500, 300, seed) for seed in range(planes)]} if planes > 1 else {}
    path = make_slide(tmp_path, picture(500, 300), **several)
    (count,) = struct.unpack_from("<I", pixel_file(path).read_bytes(), COUNT_AT)
    flipped = count ^ 1 << bit
    patch(pixel_file(path), COUNT_AT, struct.pack("<I", flipped))
    error = SlideDamaged if flipped < count or flipped > 2_000_000 else SlideIncomplete
    with pytest.raises(error, match=r"stack10001/frame_t\.ets.* tile") as caught, open_slide(path):
        pass
    if flipped < count:
        assert "offset 40" in str(caught.value)


def test_a_table_that_is_short_of_its_coarser_levels_is_an_error(tmp_path):
    path = make_slide(tmp_path, picture(900, 700))
    levels = [(8, 6), (4, 3), (2, 2), (1, 1)]
    for level in (3, 2):
        lose_tiles(path, *((x, y) for x in range(levels[level][0]) for y in range(levels[level][1])), level=level)
    with pytest.raises(SlideDamaged, match="coarsest level of its table, 1, still has 4 x 3 tiles"):
        open_slide(path)


def test_what_follows_the_table_is_no_record_of_it(slide):
    """Padding, and the table of free places that a scanner may leave where the header says so."""
    pixels = pixel_file(slide)
    content = pixels.read_bytes()
    pixels.write_bytes(content + bytes(100))
    open_slide(slide).close()
    pixels.write_bytes(content + content[-RECORD:])
    with pytest.raises(SlideDamaged, match="offset 40"):
        open_slide(slide)
    patch(pixels, 48, struct.pack("<QI", len(content), 1))
    open_slide(slide).close()


def test_tiles_that_overlap_in_part_are_refused_and_shared_ones_are_not(slide):
    pixels = pixel_file(slide)
    at = table(pixels)
    offset, length = struct.unpack_from("<QI", pixels.read_bytes(), at + 20)
    patch(pixels, at + RECORD + 20, struct.pack("<QI", offset, length))
    with open_slide(slide) as opened:
        assert (opened.read_region(0, 0, 128, 128) == opened.read_region(128, 0, 128, 128)).all()
    patch(pixels, at + RECORD + 20, struct.pack("<QI", offset + 1, length))
    with pytest.raises(SlideDamaged, match="overlap"):
        open_slide(slide)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda tile: bytes(len(tile)), id="zeros"),
        pytest.param(lambda tile: tile[: len(tile) // 2] + bytes(len(tile) - len(tile) // 2), id="second half zeros"),
        pytest.param(lambda tile: tile[: len(tile) // 2] + bytes(len(tile) // 2 - 2) + b"\xff\xd9", id="zeros, end"),
        pytest.param(lambda tile: tile[: len(tile) // 2] + b"\xff\xd9", id="cut, end"),
        pytest.param(lambda tile: tile.replace(b"\x00\x80\x00\x80", b"\xff\xff\xff\xff", 1), id="65535 px bomb"),
        pytest.param(lambda tile: tile.replace(b"\xff\xc0", b"\xff\xc2", 1), id="progressive"),
        pytest.param(lambda tile: b"\xff\xd8" + b"\xff\xfe\x00\x02" * (len(tile) // 4), id="endless comments"),
        pytest.param(lambda tile: tile[:-200] + tile[-400:-200], id="bytes repeated"),
    ],
)
def test_a_tile_that_does_not_decode_whole_is_an_error_and_no_grey_patch(slide, spoil):
    pixels = pixel_file(slide)
    offset, length = struct.unpack_from("<QI", pixels.read_bytes(), table(pixels) + 20)
    patch(pixels, offset, spoil(pixels.read_bytes()[offset : offset + length])[:length])
    with open_slide(slide) as opened:
        with pytest.raises(SlideDamaged, match=rf"tile \(0, 0\) of level 0 at offset {offset}"):
            opened.read_region(0, 0, 500, 300)
        assert opened.read_region(200, 150, 100, 100).shape == (100, 100, 3)


@pytest.mark.parametrize("codec", ["jpeg", "jpeg2000"])
def test_every_cut_of_the_pixel_file_is_incomplete(tmp_path, codec):
    path = make_slide(tmp_path, picture(300, 200), codec=codec)
    whole = pixel_file(path).read_bytes()
    for size in (0, 10, 63, 64, 200, 291, 292, len(whole) // 2, len(whole) - 36, len(whole) - 1):
        pixel_file(path).write_bytes(whole[:size])
        with pytest.raises(SlideIncomplete):
            open_slide(path)
        assert not file_set(path).complete


def test_every_cut_of_the_vsi_is_incomplete(slide):
    whole = slide.read_bytes()
    for size in (0, 4, 8, 30, 31, 500, len(whole) // 2, len(whole) - 100, len(whole) - 1):
        slide.write_bytes(whole[:size])
        with pytest.raises(SlideIncomplete):
            open_slide(slide)
        assert not file_set(slide).complete


@pytest.mark.parametrize("damage", ["zero", "swap"])
def test_a_jpeg_2000_tile_is_not_taken_for_whole(tmp_path, damage):
    path = make_slide(tmp_path, picture(300, 200), codec="jpeg2000", quality=100)
    pixels = pixel_file(path)
    offset, length = struct.unpack_from("<QI", pixels.read_bytes(), table(pixels) + 20)
    if damage == "zero":
        patch(pixels, offset + length // 2, bytes(length // 4))
    else:
        patch(pixels, offset + 8, struct.pack(">II", 2**31, 2**31))
    with open_slide(path) as slide, pytest.raises(SlideDamaged, match="tile"):
        slide.read_region(0, 0, 300, 200)


def test_a_tile_lost_from_a_stained_place_is_told_from_empty_glass(tmp_path):
    image = np.full((1500, 1700, 3), 255, np.uint8)
    image[100:1000, 300:1100] = picture(800, 900)
    path = make_slide(tmp_path, image, skip_blank=True)
    with open_slide(path) as slide:
        assert slide.missing_tiles > 10
        assert slide.suspect_tiles == 0
    lose_tiles(path, (4, 3), (5, 3))
    with open_slide(path) as slide:
        assert slide.suspect_tiles == 2
        assert slide.lost_tiles() == (Region(512, 384, 128, 128, 0), Region(640, 384, 128, 128, 0))


def test_a_tile_lost_from_a_coarser_level_is_told_of_that_level(tmp_path):
    path = make_slide(tmp_path, picture(900, 700), origin=(-30, -2))
    lose_tiles(path, (0, 0), level=1)
    with open_slide(path) as slide:
        assert slide.lost_tiles() == ()
        assert slide.lost_tiles(1) == (Region(0, 0, 113, 127, 1),)
        assert slide.lost_tiles(len(slide.levels) - 1) == ()


@pytest.mark.parametrize("broken", [1, 3])
def test_where_the_coarser_pictures_are_damaged_a_lost_tile_is_not_taken_for_glass(tmp_path, broken):
    path = make_slide(tmp_path, picture(900, 700))
    lose_tiles(path, (2, 1))
    pixels = pixel_file(path)
    content, at = pixels.read_bytes(), table(pixels)
    (count,) = struct.unpack_from("<I", content, COUNT_AT)
    rows = [struct.unpack_from("<I4iQI", content, at + number * RECORD) for number in range(count)]
    top = max(row[4] for row in rows)
    for *_, level, offset, length in rows:
        if level > top - broken:
            patch(pixels, offset, bytes(length))
    with open_slide(path) as slide:
        assert slide.lost_tiles() == (Region(256, 128, 128, 128, 0),)


def test_a_pixel_file_that_shrinks_while_it_is_read_is_incomplete(slide):
    with open_slide(slide) as opened:
        os.truncate(pixel_file(slide), 1000)
        with pytest.raises(SlideIncomplete, match="ends at offset"):
            opened.read_region(200, 100, 300, 200)


def test_a_pipe_in_the_place_of_a_file_is_refused_without_waiting(slide):
    pixel_file(slide).unlink()
    os.mkfifo(pixel_file(slide))
    with pytest.raises(SlideUnsupported, match="regular file"):
        open_slide(slide)


def test_a_file_that_is_not_there_is_unreachable(tmp_path):
    with pytest.raises(SlideUnreachable, match=r"gone\.vsi"):
        open_slide(tmp_path / "gone.vsi")


def test_two_barcodes_on_one_slide_are_refused(slide):
    content = slide.read_bytes()
    second = content.rfind("S26-1".encode("utf-16-le"), 0, content.rfind("MGG".encode("utf-16-le")) - 60)
    patch(slide, second, "S26-2".encode("utf-16-le"))
    with pytest.raises(SlideDamaged, match="barcodes"):
        open_slide(slide)


@pytest.mark.parametrize(
    ("um_per_px", "error"),
    [(float("nan"), SlideDamaged), (0.0, SlideDamaged), (1e9, SlideDamaged), (-0.137, SlideDamaged)],
)
def test_an_impossible_pixel_size_is_an_error(tmp_path, um_per_px, error):
    with pytest.raises(error, match="2019"):
        open_slide(make_slide(tmp_path, picture(200, 100), um_per_px=um_per_px))


def test_an_unknown_pixel_size_is_an_error_unless_one_is_given(tmp_path):
    path = make_slide(tmp_path, picture(200, 100))
    content = path.read_bytes().replace("10^-6m^1".encode("utf-16-le"), "furlongs".encode("utf-16-le"))
    path.write_bytes(content)
    with pytest.raises(SlideUnsupported, match="how large a pixel"):
        open_slide(path)
    with open_slide(path, um_per_px=0.25) as slide:
        assert slide.um_per_px == 0.25


def test_messages_name_the_file_and_say_what_to_do(slide):
    patch(pixel_file(slide), 0, b"XXXX")
    with pytest.raises(SlideError) as caught:
        open_slide(slide)
    assert str(caught.value).startswith("_S26-1_/stack10001/frame_t.ets: ")
    assert "Copy the scan again" in str(caught.value)
    assert str(slide.parent) not in str(caught.value)
