import cv2
import numpy as np
import pytest

from services.ingestion.film.focus import blur_px, edges
from tests.unit.ingestion.film.films import field


def blur_of(grey):
    energy = edges(grey)
    return float(blur_px(energy.sharp.mean(keepdims=True), energy.softened.mean(keepdims=True))[0, 0])


def cells(blur_px):
    green = np.ascontiguousarray(field().image[..., 1])
    return cv2.GaussianBlur(green, (0, 0), blur_px)


def test_the_width_of_edges_grows_with_the_blur():
    widths = [blur_of(cells(sigma)) for sigma in (1, 2, 3, 4, 6)]
    assert widths == sorted(widths)
    assert widths[-1] > 2.5 * widths[0]


@pytest.mark.parametrize("contrast", [0.3, 0.6])
def test_pale_cells_are_no_less_sharp(contrast):
    sharp = cells(2.0)
    pale = (255 - (255 - sharp) * contrast).astype(np.uint8)
    assert blur_of(pale) == pytest.approx(blur_of(sharp), rel=0.15)


def test_a_picture_without_edges_counts_as_blurred():
    assert blur_of(np.full((64, 64), 200, np.uint8)) == 8.0
