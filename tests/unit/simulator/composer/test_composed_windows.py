import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.simulator.composer import CellLibrary, Defect, DefectKind, FieldRecipe, Rect
from services.simulator.composer.painting import Painter
from services.simulator.composer.population import populate
from services.simulator.composer.regions import UniformLayout
from services.simulator.composer.spreading import spread

RECIPE = FieldRecipe(
    width_px=700, height_px=600, seed=4, defects=(Defect(DefectKind.DEFOCUS, Rect(0.4, 0.3, 0.9, 0.8)),)
)


def make_painter() -> Painter:
    layout = UniformLayout(RECIPE.width_um, RECIPE.height_um)
    return Painter(RECIPE, layout, populate(RECIPE, layout, CellLibrary.load(), np.random.default_rng(4)))


PAINTER = make_painter()
WHOLE = PAINTER.window(0, 0, 700, 600)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 600), st.integers(0, 500), st.integers(1, 200), st.integers(1, 200))
def test_any_window_is_that_part_of_the_whole(left, top, width, height):
    width, height = min(width, 700 - left), min(height, 600 - top)
    window = PAINTER.window(left, top, width, height).astype(int)
    assert np.abs(window - WHOLE[top : top + height, left : left + width]).max() <= 1


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 60), st.integers(0, 10_000))
def test_spreading_leaves_no_two_cells_deep_in_one_another(count, seed):
    rng = np.random.default_rng(seed)
    side = 9.0 * np.sqrt(count)
    at = spread(rng.random((count, 2)) * side, np.full(count, 3.0), np.ones(count))
    apart = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1)) + np.eye(count) * 99
    assert apart.min() > 4.0
