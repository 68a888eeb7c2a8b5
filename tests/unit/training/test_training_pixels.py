import numpy as np
import pytest

from services.analysis.pixels import CANONICAL_UM_PER_PX, centred_crop, region, resample


def waves(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    wave = 128 + 60 * np.sin(rows / 15) + 60 * np.cos(columns / 20)
    return np.repeat(wave[..., None], 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize("resolution", [0.055, 0.1, 0.2, 0.3])
def test_resampling_keeps_the_picture_at_its_place(resolution):
    image = waves(200, 260)
    scale = resolution / CANONICAL_UM_PER_PX
    resampled = resample(image, resolution)
    assert resampled.shape == (round(200 * scale), round(260 * scale), 3)
    for y, x in [(60, 50), (100, 130), (150, 200)]:
        there = resampled[int((y + 0.5) * scale), int((x + 0.5) * scale)].astype(int)
        assert np.abs(there - image[y, x]).max() <= 12


@pytest.mark.parametrize("resolution", [0.1, 0.192, 0.274])
def test_resampling_moves_nothing_by_a_part_of_a_pixel(resolution):
    rows, columns = np.mgrid[0:121, 0:121]
    spot = 255 * np.exp(-((rows - 60) ** 2 + (columns - 60) ** 2) / 50)
    resampled = resample(np.repeat(spot[..., None], 3, axis=2).astype(np.uint8), resolution)[..., 0].astype(float)
    rows, columns = np.mgrid[0 : resampled.shape[0], 0 : resampled.shape[1]] + 0.5
    for positions in (rows, columns):
        assert (positions * resampled).sum() / resampled.sum() == pytest.approx(resampled.shape[0] / 2, abs=0.05)


def test_the_canonical_resolution_is_left_alone():
    image = waves(30, 40)
    assert resample(image, CANONICAL_UM_PER_PX) is image


def test_fine_stripes_become_grey_and_not_moire():
    image = np.zeros((200, 200, 3), np.uint8)
    image[:, ::2] = 255
    inner = resample(image, 0.05, 0.2)[10:-10, 10:-10]
    assert inner.min() > 110
    assert inner.max() < 145


@pytest.mark.parametrize(
    ("resolution", "image"), [(0.0, waves(9, 9)), (-1.0, waves(9, 9)), (float("nan"), waves(9, 9))]
)
def test_resolutions_must_be_positive(resolution, image):
    with pytest.raises(ValueError, match="positive"):
        resample(image, resolution)


@pytest.mark.parametrize(
    "image", [np.zeros((5, 5), np.uint8), np.zeros((5, 5, 3), np.float32), np.zeros((0, 5, 3), np.uint8)]
)
def test_only_colour_pictures_of_bytes_are_taken(image):
    with pytest.raises(ValueError, match="uint8"):
        resample(image, 0.1)
    with pytest.raises(ValueError, match="uint8"):
        region(image, 0, 0, 2, 2)


def test_a_crop_is_centred_and_repeats_the_edge_where_it_leaves_the_picture():
    image = waves(50, 60)
    assert np.array_equal(centred_crop(image, 30, 25, 20), image[15:35, 20:40])
    corner = centred_crop(image, 0, 0, 20)
    assert corner.shape == (20, 20, 3)
    assert np.array_equal(corner[10:, 10:], image[:10, :10])
    assert (corner[:10, :10] == image[0, 0]).all()


def test_a_crop_wholly_outside_is_the_nearest_edge():
    image = waves(50, 60)
    assert (centred_crop(image, 500, -300, 8) == image[0, -1]).all()
