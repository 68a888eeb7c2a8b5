"""A .vsi is read as it was written: every pixel, at its place, and what it says of itself."""

import threading

import imagecodecs
import numpy as np
import pytest

from services.ingestion import RegionRefused, SlideClosed, SlideUnsupported, open_slide
from services.simulator.vsi import BlockMosaic, Stack, StackKind, write_slide
from services.simulator.vsi.pyramid import halve
from tests.unit.ingestion.slides.slide_making import CREATED, label, make_slide, overview, picture

WHITE = 255


def through_jpeg(image: np.ndarray, tile: int = 128) -> np.ndarray:
    """What is left of a picture once each of its tiles, padded with white, has been a JPEG."""
    height, width = image.shape[:2]
    out = np.empty_like(image)
    for y in range(0, height, tile):
        for x in range(0, width, tile):
            part = image[y : y + tile, x : x + tile]
            full = np.full((tile, tile, 3), WHITE, np.uint8)
            full[: part.shape[0], : part.shape[1]] = part
            coded = imagecodecs.jpeg8_decode(imagecodecs.jpeg8_encode(full, level=90, subsampling="420"))
            out[y : y + tile, x : x + tile] = coded[: part.shape[0], : part.shape[1]]
    return out


def test_every_pixel_of_every_level_is_the_one_written(tmp_path):
    image = picture(700, 450)
    with open_slide(make_slide(tmp_path, image)) as slide:
        assert [(level.width, level.height, level.downsample) for level in slide.levels] == [
            (700, 450, 1.0),
            (350, 225, 2.0),
            (175, 113, 4.0),
            (88, 57, 8.0),
        ]
        for number, level in enumerate(slide.levels):
            read = slide.read_region(0, 0, level.width, level.height, number)
            assert read.dtype == np.uint8
            np.testing.assert_array_equal(read, through_jpeg(image))
            image = halve(image)


@pytest.mark.parametrize(
    ("x", "y", "width", "height"), [(0, 0, 1, 1), (127, 127, 2, 2), (100, 3, 400, 300), (699, 449, 1, 1)]
)
def test_a_region_is_the_same_part_of_the_whole(tmp_path, x, y, width, height):
    with open_slide(make_slide(tmp_path, picture(700, 450))) as slide:
        whole = slide.read_region(0, 0, 700, 450)
        np.testing.assert_array_equal(slide.read_region(x, y, width, height), whole[y : y + height, x : x + width])


def test_outside_the_slide_is_background_even_where_tiles_reach_further(tmp_path):
    path = make_slide(tmp_path, picture(200, 150), background=(240, 238, 236))
    with open_slide(path) as slide:
        whole = slide.read_region(0, 0, 200, 150)
        around = slide.read_region(-20, -10, 300, 200)
        np.testing.assert_array_equal(around[10:160, 20:220], whole)
        around[10:160, 20:220] = (240, 238, 236)
        assert (around == (240, 238, 236)).all()
        assert (slide.read_region(5000, 5000, 10, 10) == (240, 238, 236)).all()


def test_the_tile_origin_moves_the_picture_inside_its_grid(tmp_path):
    image = picture(500, 300)
    with open_slide(make_slide(tmp_path, image, origin=(-34, -2))) as slide:
        assert (slide.width, slide.height) == (500, 300)
        margin = np.full((302, 534, 3), WHITE, np.uint8)
        margin[2:, 34:] = image
        np.testing.assert_array_equal(slide.read_region(0, 0, 500, 300), through_jpeg(margin)[2:, 34:])
        halved = through_jpeg(halve(margin))
        np.testing.assert_array_equal(slide.read_region(0, 0, 250, 150, level=1), halved[1:151, 17:267])


def test_absent_tiles_are_background_and_counted(tmp_path):
    image = np.full((400, 600, 3), WHITE, np.uint8)
    image[130:250, 10:120] = picture(110, 120)
    with open_slide(make_slide(tmp_path, image, skip_blank=True)) as slide:
        assert slide.missing_tiles == 5 * 4 - 1
        np.testing.assert_array_equal(slide.read_region(0, 0, 600, 400), through_jpeg(image))
    with open_slide(make_slide(tmp_path, image, name="full")) as slide:
        assert slide.missing_tiles == 0


def test_each_z_plane_is_read_and_the_middle_one_without_a_choice(tmp_path):
    planes = [picture(300, 200, seed) for seed in range(3)]
    path = make_slide(tmp_path, planes[0], planes=planes)
    for number, plane in enumerate(planes):
        with open_slide(path, plane=number) as slide:
            assert (slide.planes, slide.plane) == (3, number)
            np.testing.assert_array_equal(slide.read_region(0, 0, 300, 200), through_jpeg(plane))
    with open_slide(path) as slide:
        assert slide.plane == 1


def test_jpeg_2000_without_loss_gives_back_the_picture(tmp_path):
    image = picture(300, 200)
    with open_slide(make_slide(tmp_path, image, codec="jpeg2000", quality=100)) as slide:
        np.testing.assert_array_equal(slide.read_region(0, 0, 300, 200), image)


def test_what_the_scanner_says_is_told(tmp_path):
    path = make_slide(tmp_path, picture(200, 100), um_per_px=0.274, magnification=20.0, objective="UPLXAPO20X")
    with open_slide(path) as slide:
        assert slide.format == "vsi"
        assert slide.um_per_px == pytest.approx(0.274)
        assert (slide.barcode, slide.objective, slide.magnification) == ("S26-1", "UPLXAPO20X", 20.0)
        assert slide.scanned_at == CREATED


def test_a_stated_pixel_size_is_not_replaced_by_an_assumed_one(tmp_path):
    with open_slide(make_slide(tmp_path, picture(200, 100)), um_per_px=0.5) as slide:
        assert slide.um_per_px == pytest.approx(0.137)


def test_a_film_of_gigapixels_is_read_by_region(tmp_path):
    blocks = [picture(512, 512, seed) for seed in range(3)]
    layout = np.tile(np.random.default_rng(4).integers(-1, 3, (16, 16)), (8, 10))
    path = write_slide(
        tmp_path, "film", [Stack(10001, "40x", StackKind.MAIN, BlockMosaic(blocks, layout), tile=512)], created=CREATED
    )
    with open_slide(path) as slide:
        assert slide.width * slide.height > 5e9
        row, column = np.argwhere(layout == 2)[7]
        read = slide.read_region(int(column) * 512, int(row) * 512, 512, 512)
        np.testing.assert_array_equal(read, through_jpeg(blocks[2], 512))


@pytest.mark.parametrize(
    "region",
    [(0, 0, 0, 5), (0, 0, 5, -1), (0, 0, 5, 5, 9), (0, 0, 5, 5, -1), (0, 0, 1 << 20, 1 << 20), (1 << 62, 0, 5, 5)],
)
def test_a_region_without_sense_is_refused(tmp_path, region):
    with open_slide(make_slide(tmp_path, picture(200, 100))) as slide, pytest.raises(RegionRefused):
        slide.read_region(*region)


@pytest.mark.parametrize("region", [(0.5, 0, 5, 5), (0, np.float64(3), 5, 5), (0, 0, 5.0, 5), (0, 0, 5, 5, 0.0)])
def test_a_part_of_a_pixel_is_refused(tmp_path, region):
    with open_slide(make_slide(tmp_path, picture(200, 100))) as slide, pytest.raises(RegionRefused, match="integers"):
        slide.read_region(*region)


def test_integers_of_numpy_are_integers(tmp_path):
    with open_slide(make_slide(tmp_path, picture(200, 100))) as slide:
        read = slide.read_region(np.int64(3), np.uint8(4), np.int32(20), np.int16(10), np.int8(0))
        np.testing.assert_array_equal(read, slide.read_region(3, 4, 20, 10))


def test_a_closed_slide_gives_no_pixels_whether_it_had_decoded_them_or_not(tmp_path):
    slide = open_slide(make_slide(tmp_path, picture(700, 450)))
    slide.read_region(0, 0, 10, 10)
    slide.close()
    for x in (0, 600):
        with pytest.raises(SlideClosed, match=r"S26-1\.vsi: is closed\. Read while it is open"):
            slide.read_region(x, 0, 10, 10)
    slide.close()


def test_threads_read_side_by_side_what_one_reads_alone(tmp_path):
    path = make_slide(tmp_path, picture(1200, 900))
    places = [(x, y) for x in range(0, 1000, 97) for y in range(0, 700, 83)]
    with open_slide(path) as alone:
        expected = {place: alone.read_region(*place, 200, 200) for place in places}
    wrong = []

    def work(seed: int) -> None:
        for number in np.random.default_rng(seed).permutation(len(places)):
            place = places[number]
            if not np.array_equal(together.read_region(*place, 200, 200), expected[place]):
                wrong.append(place)

    with open_slide(path, threads=2) as together:
        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_label_and_overview_never_become_the_scan(tmp_path):
    path = write_slide(tmp_path, "S", [label(), overview()], created=CREATED)
    with pytest.raises(SlideUnsupported, match="main scan"):
        open_slide(path)
    with pytest.raises(SlideUnsupported, match="no scan is called 'Label'"):
        open_slide(path, scene="Label")


def test_identity_follows_the_scan_and_not_its_name(tmp_path):
    first = make_slide(tmp_path / "a", picture(300, 200))
    copy = make_slide(tmp_path / "b", picture(300, 200))
    other = make_slide(tmp_path / "c", picture(300, 200, seed=9))
    renamed = tmp_path / "a" / "renamed.vsi"
    first.rename(renamed)
    (tmp_path / "a" / "_S26-1_").rename(tmp_path / "a" / "_renamed_")
    identities = []
    for path in (renamed, copy, other):
        with open_slide(path) as slide:
            identities.append(slide.identity)
    assert identities[0] == identities[1] != identities[2]
