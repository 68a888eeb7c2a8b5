"""What a person is told to do about a slide: that which mends its own cause, on a terminal and in the LIS alike."""

import os

import numpy as np
import pytest
import tifffile

from services.ingestion import RegionRefused, SlideError, SlideUnreachable, open_slide
from services.simulator.vsi import write_slide
from tests.unit.ingestion.slides.slide_making import CREATED, label, make_slide, overview, picture, pixel_file, scan

MICROMETRES = {"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.25}


def nothing(folder):
    return folder / "gone.vsi"


def folder_in_its_place(folder):
    (folder / "S.vsi").mkdir()
    return folder / "S.vsi"


def pipe(folder):
    os.mkfifo(folder / "S.svs")
    return folder / "S.svs"


def letter(folder):
    (folder / "S.vsi").write_bytes(b"Not a slide at all, but a letter to the laboratory.")
    return folder / "S.vsi"


def note(folder):
    (folder / "S.svs").write_bytes(b"hello")
    return folder / "S.svs"


def two_pixel_files(folder):
    path = make_slide(folder, picture(300, 200))
    pixel_file(path).with_name("frame_t_1.ets").write_bytes(b"")
    return path


def pixels_in_a_tiff(folder):
    path = make_slide(folder, picture(300, 200))
    pixel_file(path).rename(pixel_file(path).with_name("frame_t.tif"))
    return path


def two_scans(folder):
    return write_slide(folder, "S", [scan(picture(300, 200)), scan(picture(300, 200), stack_id=10002)], created=CREATED)


def no_scan(folder):
    return write_slide(folder, "S", [label(), overview()], created=CREATED)


def ome(folder, shape, kind=np.uint8, **more):
    path = folder / "S.ome.tif"
    tifffile.imwrite(path, np.zeros(shape, kind), ome=True, **more)
    return path


def fluorescence(folder):
    return ome(folder, (64, 64), np.uint16, metadata=MICROMETRES)


def ome_without_scan(folder):
    return ome(folder, (64, 64, 3), photometric="rgb", metadata={**MICROMETRES, "Name": "label"})


def uncalibrated(folder):
    return ome(folder, (64, 64, 3), photometric="rgb")


@pytest.mark.parametrize(
    ("made", "advice"),
    [
        (nothing, "Check the name"),
        (folder_in_its_place, "Name the scan's own file"),
        (pipe, "Remove it"),
        (letter, "take the file off the share"),
        (note, "Export it as OME-TIFF"),
        (two_pixel_files, "into an empty folder"),
        (pixels_in_a_tiff, r"store \.ets files"),
        (two_scans, "as one scan"),
        (no_scan, "Scan the slide itself"),
        (fluorescence, "Export the brightfield scan"),
        (ome_without_scan, "Export the scan itself"),
        (uncalibrated, "--um-per-px"),
    ],
)
def test_each_cause_has_its_own_advice(tmp_path, made, advice):
    path = made(tmp_path)
    with pytest.raises(SlideError, match=advice) as caught:
        open_slide(path)
    assert path.name in str(caught.value) or "stack10001" in str(caught.value)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (PermissionError(13, ""), "Let the user"),
        (OSError(24, ""), "limit of open files"),
        (OSError(36, ""), "shorter names"),
        (OSError(5, ""), "share is mounted"),
        (OSError(116, ""), "share is mounted"),
    ],
)
def test_what_the_operating_system_refuses_is_mended_where_it_says(error, advice):
    assert advice in str(SlideUnreachable.of("S.vsi", "cannot be opened", error))


@pytest.mark.parametrize(
    ("region", "advice"),
    [
        ((0, 0, 5, 5, 9), "one of 0 to"),
        ((0, 0, 0, 5), "a pixel at least"),
        ((0, 0, 1 << 20, 1 << 20), "coarser level"),
        ((1 << 62, 0, 5, 5), "pixels of that level"),
    ],
)
def test_a_region_that_is_refused_says_what_to_ask_for(tmp_path, region, advice):
    with open_slide(make_slide(tmp_path, picture(200, 100))) as slide, pytest.raises(RegionRefused, match=advice):
        slide.read_region(*region)
