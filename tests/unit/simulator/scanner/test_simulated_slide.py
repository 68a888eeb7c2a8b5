import cv2
import numpy as np
import pytest

from services.simulator.composer import FieldRecipe, compose_field
from services.simulator.errors import RecipeError
from services.simulator.slide import label_of, overview_of, write_film


@pytest.fixture(scope="module")
def film():
    return compose_field(FieldRecipe(width_px=1100, height_px=800))


def test_a_film_is_written_with_label_overview_and_scan(film, tmp_path):
    path = write_film(film, tmp_path, "slide", "S26-004711")
    assert path == tmp_path / "slide.vsi"
    stacks = {pixels.parent.name for pixels in (tmp_path / "_slide_").glob("*/frame_t.ets")}
    assert stacks == {"stack1", "stack10000", "stack10001"}
    assert "S26-004711".encode("utf-16-le") in path.read_bytes()


def test_the_label_carries_the_specimen_number_as_a_code(film):
    text, corners, _ = cv2.QRCodeDetector().detectAndDecode(label_of("S26-004711"))
    assert text == "S26-004711"
    assert corners is not None


def test_the_overview_shows_the_film_small(film):
    overview, um_per_px = overview_of(film)
    step = round(um_per_px / film.um_per_px)
    assert overview.shape == (800 // step, 1100 // step, 3)
    whole = film.image[: overview.shape[0] * step, : overview.shape[1] * step]
    assert np.abs(overview.mean(axis=(0, 1)) - whole.mean(axis=(0, 1))).max() < 1.0


@pytest.mark.parametrize("specimen", ["", "x" * 33, "a\nb", "é1"])
def test_a_specimen_number_that_fits_no_label_is_refused(specimen):
    with pytest.raises(RecipeError, match="specimen number"):
        label_of(specimen)
