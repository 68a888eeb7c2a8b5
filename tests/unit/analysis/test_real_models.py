"""The committed models on composed fields of real cells."""

import numpy as np
import pytest

from services.analysis.cells import Kind
from services.analysis.pixels import centred_crop
from services.analysis.settings import AnalysisSettings
from services.analysis.wiring import build_analyser, reader_of, runtime_of
from services.simulator.composer.film import compose_field
from services.simulator.composer.recipe import FieldRecipe

UM = 0.137


@pytest.fixture(scope="module")
def settings():
    return AnalysisSettings.load(threads=1)


@pytest.fixture(scope="module")
def field():
    mixture = {"neutrophil_segmented": 3, "lymphocyte": 3, "eosinophil": 2}
    return compose_field(FieldRecipe(width_px=1400, height_px=900, seed=11, differential=mixture, platelets=12))


@pytest.fixture(scope="module")
def lines(settings, field):
    return build_analyser(settings).analyse_image(field.image, UM)


def matches(lines, field, kind):
    """For each true cell the lines of its kind that lie within half its width."""
    own = [line for line in lines if line.kind == kind]
    return [
        (cell, [line for line in own if np.hypot(line.x * UM - cell.x_um, line.y * UM - cell.y_um) < cell.w_um / 2])
        for cell in field.truth.cells
        if cell.kind == kind and 0 <= cell.x_um < field.truth.width_um and 0 <= cell.y_um < field.truth.height_um
    ]


@pytest.mark.parametrize(("kind", "least"), [("erythrocyte", 0.9), ("leukocyte", 1.0), ("platelet", 0.5)])
def test_cells_of_real_pictures_are_found_once_where_they_are(lines, field, kind, least):
    found = matches(lines, field, kind)
    assert np.mean([len(near) >= 1 for _, near in found]) >= least
    assert sum(line.kind == kind for line in lines) <= 1.15 * len(found)


def test_most_leukocytes_are_named_right_or_left_unidentified(lines, field):
    named = [(cell.label, near[0]) for cell, near in matches(lines, field, "leukocyte") if near]
    right = [line.label in {label, "unidentified"} for label, line in named]
    assert np.mean(right) >= 0.6
    assert all(sum(line.probabilities.values()) == pytest.approx(1, abs=1e-3) for _, line in named)


@pytest.mark.parametrize("kind", [Kind.LEUKOCYTE, Kind.ERYTHROCYTE])
def test_a_verdict_does_not_depend_on_the_batch(settings, field, kind):
    runtime = runtime_of(settings)
    classifier = reader_of(settings, runtime).classifiers[kind]
    places = np.random.default_rng(3).integers(100, 800, (11, 2))
    crops = np.stack([centred_crop(field.image, int(x), int(y), classifier.crop) for x, y in places])
    together = runtime.infer(classifier.card.name, {"crops": crops})
    for name, values in together.items():
        alone = [runtime.infer(classifier.card.name, {"crops": crop[None]})[name][0] for crop in crops]
        assert np.allclose(values, alone, rtol=0, atol=1e-5)
