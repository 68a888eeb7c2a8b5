"""Which files a scan has, and whether they are all there, told without reading its pixels."""

import os
import struct

import pytest

from services.ingestion import SlideDamaged, SlideError, open_slide
from services.ingestion.slides.files import file_set, read_barcode
from services.ingestion.slides.positioned import PositionedFile
from services.ingestion.slides.tiff import check_tiff_complete
from tests.unit.ingestion.slides.slide_making import make_slide, patch, picture, pixel_file


@pytest.fixture
def slide(tmp_path):
    return make_slide(tmp_path, picture(500, 300))


def test_a_finished_scan_lists_every_file_and_misses_nothing(slide):
    found = file_set(slide)
    files = [file.name for file in found.files if file.name.endswith((".vsi", ".ets"))]
    assert files == [
        "S26-1.vsi",
        "_S26-1_/stack1/frame_t.ets",
        "_S26-1_/stack10000/frame_t.ets",
        "_S26-1_/stack10001/frame_t.ets",
    ]
    assert found.files[0].size == slide.stat().st_size
    assert found.complete
    assert file_set(slide) == found


def test_the_fingerprint_changes_with_size_time_and_name(slide):
    fingerprints = {file_set(slide).fingerprint}
    os.utime(slide, ns=(1, 1))
    fingerprints.add(file_set(slide).fingerprint)
    with pixel_file(slide).open("ab") as file:
        file.write(b"x")
    fingerprints.add(file_set(slide).fingerprint)
    (pixel_file(slide).parent / "blob_1.ets").touch()
    fingerprints.add(file_set(slide).fingerprint)
    assert len(fingerprints) == 4


@pytest.mark.parametrize("stack", [1, 10000, 10001])
def test_every_declared_stack_must_be_there_in_its_whole_length(slide, stack):
    pixels = pixel_file(slide, stack)
    whole = pixels.read_bytes()
    pixels.write_bytes(whole[:-1])
    assert f"stack{stack}" in file_set(slide).missing
    pixels.unlink()
    assert f"stack{stack}" in file_set(slide).missing


def test_a_scan_whose_vsi_comes_last_is_incomplete_until_then(slide):
    slide.unlink()
    assert "is not there" in file_set(slide).missing


def test_a_length_reserved_before_the_bytes_come_is_incomplete(slide):
    pixels = pixel_file(slide)
    whole = pixels.read_bytes()
    pixels.write_bytes(bytes(len(whole)))
    assert "header is zeros" in file_set(slide).missing
    table = struct.unpack_from("<Q", whole, 32)[0]
    pixels.write_bytes(whole[:table] + bytes(len(whole) - table))
    assert "table" in file_set(slide).missing
    pixels.write_bytes(whole[: table - 5000] + bytes(5000) + whole[table:])
    assert "zeros" in file_set(slide).missing
    slide.write_bytes(bytes(slide.stat().st_size))
    assert "header is zeros" in file_set(slide).missing


def test_a_damaged_scan_misses_nothing_and_opening_it_says_what_is_wrong(slide):
    patch(pixel_file(slide), 0, b"XXXX")
    assert file_set(slide).complete
    with pytest.raises(SlideError, match="header"):
        open_slide(slide)


def test_the_barcode_is_read_even_where_the_scan_cannot_be(slide):
    pixel_file(slide).unlink()
    assert read_barcode(slide) == "S26-1"
    slide.write_bytes(slide.read_bytes()[:200])
    assert read_barcode(slide) is None, "the file ends in front of it"
    assert read_barcode(slide.with_name("gone.vsi")) is None


@pytest.mark.parametrize("behind", [1, 16, 100])
def test_the_barcode_is_read_of_a_vsi_that_is_cut_short_or_damaged_behind_it(slide, behind):
    whole = slide.read_bytes()
    end = whole.rindex("S26-1".encode("utf-16-le")) + len("S26-1\0".encode("utf-16-le"))
    slide.write_bytes(whole[: end + behind])
    assert "ends" in file_set(slide).missing
    assert read_barcode(slide) == "S26-1"
    slide.write_bytes(whole[: end + behind] + b"\xff" * (len(whole) - end - behind))
    assert read_barcode(slide) == "S26-1"


def test_the_barcode_is_read_of_a_vsi_that_is_cut_short_among_its_thumbnails(slide):
    slide.write_bytes(slide.read_bytes()[:-1])
    assert not file_set(slide).complete
    assert read_barcode(slide) == "S26-1"


def test_a_tiff_of_tables_without_end_is_told_quickly_and_without_memory(tmp_path):
    path, directories, values = tmp_path / "bomb.tif", 8, 8_000_000
    size = 8 + 2 * 20 + 8
    tables = 16 + directories * size
    with path.open("wb") as file:
        file.write(struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16))
        for number in range(1, directories + 1):
            following = 16 + number * size if number < directories else 0
            entries = struct.pack("<HHQQ", 324, 16, values, tables) + struct.pack("<HHQQ", 325, 16, values, tables)
            file.write(struct.pack("<Q", 2) + entries + struct.pack("<Q", following))
        file.truncate(tables + values * 8)
    assert file_set(path).complete, "what is damaged misses nothing"
    with PositionedFile(path, path.name) as file, pytest.raises(SlideDamaged, match="MiB of tables"):
        check_tiff_complete(file)


def test_files_that_come_in_addition_change_nothing_of_a_scan_and_others_do(slide):
    before = file_set(slide)
    (pixel_file(slide).parent / "Thumbs.db").touch()
    assert before.changed(file_set(slide)) == ""
    os.utime(pixel_file(slide), ns=(1, 1))
    assert before.changed(file_set(slide)) == "_S26-1_/stack10001/frame_t.ets"
    slide.unlink()
    assert before.changed(file_set(slide)) == "S26-1.vsi"


def test_a_vsi_beside_the_pixels_of_another_slide_is_told(tmp_path):
    own = make_slide(tmp_path / "a", picture(500, 300), name="S26-1")
    other = make_slide(tmp_path / "b", picture(600, 300), name="S26-1")
    pixel_file(own).write_bytes(pixel_file(other).read_bytes())
    assert file_set(own).complete
    with pytest.raises(SlideDamaged, match="belong not together"):
        open_slide(own)


def test_a_vsi_whose_folder_holds_stacks_that_it_does_not_name_tells_which(slide):
    pixel_file(slide).parent.rename(pixel_file(slide).parent.with_name("stack10007"))
    assert "stack10001/frame_t.ets is not there" in file_set(slide).missing
    assert "stack10007" in file_set(slide).missing
