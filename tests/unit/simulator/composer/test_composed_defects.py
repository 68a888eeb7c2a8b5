from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from services.simulator.composer import Defect, DefectKind, FieldRecipe, Rect, compose_field
from services.simulator.errors import RecipeError

RIGHT = Rect(0.5, 0.0, 1.0, 1.0)
SIDE = 1024


@pytest.fixture(scope="module")
def sound(demonstration):
    return compose_field(FieldRecipe(width_px=SIDE, height_px=SIDE, seed=9), demonstration)


@pytest.fixture
def compose(demonstration):
    def make(kind, strength=0.0):
        defects = (Defect(kind, RIGHT, strength),)
        return compose_field(FieldRecipe(width_px=SIDE, height_px=SIDE, seed=9, defects=defects), demonstration)

    return make


def left_half(image):
    return image[:, : SIDE // 2 - 140].astype(int)


def right_half(image):
    return image[:, SIDE // 2 + 200 :]


def sharpness(image):
    return cv2.Laplacian(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY), cv2.CV_64F).var()


def red_density(image):
    return float(np.mean(-np.log(image[..., 1] / 238)))


@pytest.mark.parametrize("kind", [kind for kind in DefectKind if kind is not DefectKind.EMPTY])
def test_a_defect_leaves_the_rest_of_the_field_as_it_was(compose, sound, kind):
    assert np.array_equal(left_half(compose(kind).image), left_half(sound.image))


@pytest.mark.parametrize("kind", [kind for kind in DefectKind if kind is not DefectKind.EMPTY])
def test_cells_under_a_defect_stay_in_the_truth(compose, sound, kind):
    assert compose(kind).truth.cells == sound.truth.cells


@pytest.mark.parametrize("kind", list(DefectKind))
def test_the_truth_tells_where_a_defect_lies(compose, kind):
    found = [region for region in compose(kind).truth.regions if region.name == kind]
    ((left, _), *_) = found[0].polygon
    assert left == pytest.approx(SIDE * 0.137 / 2)
    assert found[0].strength


def test_defocus_takes_the_detail_and_grows_with_its_strength(compose, sound):
    slight, strong = (sharpness(right_half(compose(DefectKind.DEFOCUS, um).image)) for um in (0.5, 3.0))
    assert strong < slight < 0.6 * sharpness(right_half(sound.image))


def test_pale_and_unstained_parts_keep_their_share_of_the_stain(compose, sound):
    whole, pale, bare = (
        red_density(right_half(field.image))
        for field in (sound, compose(DefectKind.PALE), compose(DefectKind.UNSTAINED))
    )
    assert 0.3 * whole < pale < 0.6 * whole
    assert bare < 0.2 * whole


def test_precipitate_adds_dark_granules(compose, sound):
    def dark(field):
        return (right_half(field.image).max(axis=2) < 110).mean()

    assert dark(compose(DefectKind.PRECIPITATE)) > dark(sound) + 0.001


def test_an_empty_part_holds_no_cells(compose):
    field = compose(DefectKind.EMPTY)
    assert all(cell.x_um < SIDE * 0.137 / 2 + 5 for cell in field.truth.cells)
    assert right_half(field.image).min() > 215


def refusals() -> Iterator[tuple[str, object]]:
    yield "left", lambda: Rect(0.6, 0, 0.5, 1)
    yield "between 0 and 1", lambda: Rect(0, 0, 1.5, 1)
    yield "below 0", lambda: Defect(DefectKind.PALE, strength=-1)
    yield "no picture", lambda: FieldRecipe(width_px=10)
    yield "no picture", lambda: FieldRecipe(um_per_px=0)
    yield "at least 0", lambda: FieldRecipe(differential={"monocyte": -1})
    yield "clump", lambda: FieldRecipe(clump_size=(9, 3))
    yield "erythrocytes", lambda: FieldRecipe(erythrocytes={"normal": 0.0})
    yield "erythrocytes", lambda: FieldRecipe(erythrocytes={})
    yield "red_cells_per_field", lambda: FieldRecipe(red_cells_per_field=1000)


@pytest.mark.parametrize(("words", "make"), list(refusals()))
def test_a_recipe_that_contradicts_itself_is_refused(words, make):
    with pytest.raises(RecipeError, match=words):
        make()
