"""Which scan of a slide is read, and which slides are politely refused."""

from pathlib import Path

import numpy as np
import pytest

from services.ingestion import SlideDamaged, SlideIncomplete, SlideUnsupported, open_slide
from services.simulator.vsi import StackKind, write_slide
from tests.unit.ingestion.slides.slide_making import CREATED, label, make_slide, overview, picture, pixel_file, scan

FLUORESCENCE = Path(__file__).parents[5] / "shared" / "data" / "vsi_fluorescence" / "vsi-ets-test-jpg2k.vsi"


def two_scans(folder):
    stacks = [
        label(),
        scan(picture(300, 200), name="first"),
        scan(picture(300, 200, 5), stack_id=10002, name="second"),
    ]
    return write_slide(folder, "S", stacks, created=CREATED)


def test_several_scans_are_refused_by_name_until_one_is_chosen(tmp_path):
    path = two_scans(tmp_path)
    with pytest.raises(SlideUnsupported, match=r"'first' \(stack10001\), 'second' \(stack10002\)"):
        open_slide(path)
    with open_slide(path, scene="second") as second, open_slide(path, scene="stack10001") as first:
        assert not np.array_equal(first.read_region(0, 0, 99, 99), second.read_region(0, 0, 99, 99))


def test_scans_with_one_grid_are_paired_by_their_number_whatever_the_order_of_folders(tmp_path):
    stacks = [
        scan(picture(300, 200, 7), stack_id=900),
        scan(picture(300, 200), kind=StackKind.FOCUS_MAP, stack_id=10001),
    ]
    path = write_slide(tmp_path, "S", stacks, created=CREATED)
    alone = make_slide(tmp_path / "other", picture(300, 200, 7))
    with open_slide(path) as slide, open_slide(alone) as expected:
        np.testing.assert_array_equal(slide.read_region(0, 0, 300, 200), expected.read_region(0, 0, 300, 200))


def test_a_pixel_file_of_another_size_is_not_taken_for_the_scan(tmp_path):
    path = make_slide(tmp_path, picture(300, 200))
    other = make_slide(tmp_path / "other", picture(301, 200))
    pixel_file(path).write_bytes(pixel_file(other).read_bytes())
    with pytest.raises(SlideDamaged, match="2053"):
        open_slide(path)


def test_an_extended_focus_image_is_read_where_there_is_no_other_scan(tmp_path):
    path = write_slide(tmp_path, "S", [overview(), scan(picture(300, 200), kind=StackKind.EFI)], created=CREATED)
    with open_slide(path) as slide:
        assert (slide.width, slide.height) == (300, 200)


def test_a_scan_without_its_pixel_file_is_incomplete_and_the_label_does_not_stand_in(tmp_path):
    path = make_slide(tmp_path, picture(300, 200))
    pixel_file(path).unlink()
    with pytest.raises(SlideIncomplete, match="stack10001"):
        open_slide(path)


def test_pixels_in_a_tiff_are_refused_by_name(tmp_path):
    path = make_slide(tmp_path, picture(300, 200))
    pixel_file(path).rename(pixel_file(path).with_name("frame_t.tif"))
    with pytest.raises(SlideUnsupported, match=r"frame_t\.tif"):
        open_slide(path)


def test_two_pixel_files_are_one_too_many(tmp_path):
    path = make_slide(tmp_path, picture(300, 200))
    pixel_file(path).with_name("frame_t_1.ets").write_bytes(b"")
    with pytest.raises(SlideUnsupported, match="2 pixel files"):
        open_slide(path)


def test_blobs_beside_the_pixels_are_no_pixels(tmp_path):
    path = make_slide(tmp_path, picture(300, 200))
    pixel_file(path).with_name("blob_1.ets").write_bytes(b"notes")
    with open_slide(path) as slide:
        assert slide.width == 300


def test_a_plane_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SlideUnsupported, match="z-plane 4"):
        open_slide(make_slide(tmp_path, picture(300, 200)), plane=4)


@pytest.mark.skipif(not FLUORESCENCE.exists(), reason="the real fluorescence slide is not at hand")
def test_a_real_fluorescence_slide_is_refused_as_what_it_is():
    with pytest.raises(SlideUnsupported, match="fluorescence"):
        open_slide(FLUORESCENCE)


@pytest.mark.parametrize("name", ["notes.txt", "S.vsi", "frame_t.ets", "S.svs"])
def test_a_foreign_file_is_refused(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"Not a slide at all, but a letter to the laboratory.")
    with pytest.raises(SlideUnsupported):
        open_slide(path)
