"""OME-TIFF, SVS and plain TIFF behind the same interface, and what is done to a process that reads them."""

import os
import signal

import numpy as np
import pytest
import tifffile

from services.ingestion import (
    RegionRefused,
    SlideClosed,
    SlideDamaged,
    SlideError,
    SlideIncomplete,
    SlideUnsupported,
    open_slide,
)
from services.ingestion.slides.files import file_set
from services.ingestion.slides.foreign.child import Child
from tests.unit.ingestion.slides.slide_making import picture

MICROMETRES = {"PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.25, "PhysicalSizeYUnit": "µm"}
APERIO = "Aperio Image Library v1\r\n{0}x{1} [0,0 {0}x{1}] (128x128) JPEG/RGB Q=90|AppMag = 40|MPP = 0.2500|{2}"


def write_ome(path, image, metadata=MICROMETRES, compression="jpeg"):
    options = {"tile": (128, 128), "photometric": "rgb", "compression": compression}
    with tifffile.TiffWriter(path, ome=True) as tiff:
        tiff.write(image, subifds=1, metadata={"axes": "YXS", **metadata}, **options)
        tiff.write(image[::2, ::2], subfiletype=1, **options)
    return path


def write_svs(path, image):
    description = APERIO.format(image.shape[1], image.shape[0], "Date = 03/14/26|Time = 15:09:26")
    options = {"photometric": "rgb", "metadata": None}
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(image, tile=(128, 128), compression="jpeg", description=description, **options)
        tiff.write(image[::8, ::8], description="Aperio thumbnail", **options)
        tiff.write(image[::4, ::4], tile=(128, 128), compression="jpeg", description=description, **options)
    return path


def zero_some(path, low, high):
    content = bytearray(path.read_bytes())
    content[low:high] = bytes(high - low)
    path.write_bytes(content)


def test_an_ome_tiff_is_read_with_its_levels_and_pixel_size(tmp_path):
    image = picture(600, 400)
    with open_slide(write_ome(tmp_path / "a.ome.tif", image, compression=None)) as slide:
        assert (slide.format, slide.width, slide.height, slide.um_per_px) == ("ome-tiff", 600, 400, 0.25)
        assert [(level.width, level.downsample) for level in slide.levels] == [(600, 1.0), (300, 2.0)]
        assert [(width, downsample) for width, _, downsample in slide.levels] == [(600, 1.0), (300, 2.0)]
        np.testing.assert_array_equal(slide.read_region(100, 50, 300, 200), image[50:250, 100:400])
        np.testing.assert_array_equal(slide.read_region(10, 20, 100, 90, 1), image[::2, ::2][20:110, 10:110])
        assert (slide.read_region(590, 390, 20, 20)[10:] == 255).all()
        with pytest.raises(SlideError):
            slide.read_region(0, 0, 10, 10, level=2)


def test_an_svs_is_read_with_what_its_scanner_says(tmp_path):
    image = picture(600, 400)
    with open_slide(write_svs(tmp_path / "b.svs", image)) as slide:
        assert (slide.format, slide.um_per_px, slide.magnification) == ("aperio", 0.25, 40.0)
        assert str(slide.scanned_at) == "2026-03-14 15:09:26+00:00"
        assert [level.width for level in slide.levels] == [600, 150]
        assert np.abs(slide.read_region(0, 0, 600, 400).astype(int) - image).mean() < 3


@pytest.mark.parametrize("writer", [write_ome, write_svs])
def test_a_damaged_tile_is_an_error_and_no_grey_patch(tmp_path, writer):
    path = writer(tmp_path / ("c.ome.tif" if writer is write_ome else "c.svs"), picture(600, 400))
    zero_some(path, 3000, 3200)
    with open_slide(path) as slide, pytest.raises(SlideDamaged, match=r"tile \d+ at offset"):
        slide.read_region(0, 0, 600, 400)


@pytest.mark.parametrize("writer", [write_ome, write_svs])
def test_a_cut_file_is_incomplete(tmp_path, writer):
    path = writer(tmp_path / ("d.ome.tif" if writer is write_ome else "d.svs"), picture(600, 400))
    assert file_set(path).complete
    path.write_bytes(path.read_bytes()[:-4000])
    assert not file_set(path).complete
    with pytest.raises(SlideIncomplete):
        open_slide(path)


@pytest.mark.parametrize("suffix", [".btf", ".qptiff"])
def test_a_tiff_under_another_suffix_is_read_and_watched_as_one(tmp_path, suffix):
    path = write_ome(tmp_path / f"d{suffix}", picture(600, 400))
    with open_slide(path) as slide:
        assert (slide.format, slide.width) == ("ome-tiff", 600)
    path.write_bytes(path.read_bytes()[:-4000])
    assert not file_set(path).complete


def test_an_unknown_pixel_size_is_an_error_unless_one_is_given(tmp_path):
    path = write_ome(tmp_path / "e.ome.tif", picture(300, 200), metadata={})
    with pytest.raises(SlideUnsupported, match="how large a pixel"):
        open_slide(path)
    with open_slide(path, um_per_px=0.5) as slide:
        assert slide.um_per_px == 0.5


def test_fluorescence_and_grey_pictures_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "f.ome.tif", np.zeros((64, 64), np.uint16), ome=True, metadata=MICROMETRES)
    with pytest.raises(SlideUnsupported, match="fluorescence"):
        open_slide(tmp_path / "f.ome.tif")


def test_a_resolution_tag_counts_where_a_microscope_could_have_made_it(tmp_path):
    for name, per_cm in (("g.tif", 40_000), ("screen.tif", 28)):
        tifffile.imwrite(
            tmp_path / name,
            picture(300, 200),
            tile=(128, 128),
            photometric="rgb",
            resolution=(per_cm, per_cm),
            resolutionunit="CENTIMETER",
        )
    with open_slide(tmp_path / "g.tif") as slide:
        assert slide.um_per_px == pytest.approx(0.25)
    with pytest.raises(SlideUnsupported, match="how large a pixel"):
        open_slide(tmp_path / "screen.tif")


def test_a_closed_slide_gives_no_pixels_and_an_open_one_no_part_of_a_pixel(tmp_path):
    slide = open_slide(write_ome(tmp_path / "a.ome.tif", picture(300, 200)))
    assert slide.read_region(np.int64(3), 4, 20, 10).shape == (10, 20, 3)
    with pytest.raises(RegionRefused, match="integers"):
        slide.read_region(0.5, 0, 10, 10)
    slide.close()
    with pytest.raises(SlideClosed, match=r"a\.ome\.tif: is closed"):
        slide.read_region(0, 0, 10, 10)


def test_a_library_that_dies_is_an_error_of_that_slide_alone(tmp_path):
    with open_slide(write_ome(tmp_path / "h.ome.tif", picture(300, 200))) as slide:
        os.kill(slide._child._process.pid, signal.SIGSEGV)
        for _ in range(2):
            with pytest.raises(SlideDamaged, match="ended by itself"):
                slide.read_region(0, 0, 10, 10)


def test_a_library_that_hangs_is_ended(tmp_path):
    child = Child("hung.svs", limit_s=0.2)
    os.kill(child._process.pid, signal.SIGSTOP)
    with pytest.raises(SlideDamaged, match="did not answer"):
        child.ask({"region": [0, 0, 1, 1, 0]})
    assert child._process.returncode is not None


def test_damaged_foreign_files_end_in_typed_errors(tmp_path):
    sound = {
        "a.ome.tif": write_ome(tmp_path / "a.ome.tif", picture(300, 200)).read_bytes(),
        "b.svs": write_svs(tmp_path / "b.svs", picture(300, 200)).read_bytes(),
    }
    rng = np.random.default_rng(3)
    refused = 0
    for number in range(8):
        name, whole = list(sound.items())[number % 2]
        path = tmp_path / name
        spoiled = bytearray(whole)
        for at in rng.integers(0, 400, 6) + [0, len(whole) - 400][number // 2 % 2]:
            spoiled[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(spoiled)
        try:
            with open_slide(path) as slide:
                slide.read_region(0, 0, 300, 200)
        except SlideError:
            refused += 1
    assert refused >= 2
