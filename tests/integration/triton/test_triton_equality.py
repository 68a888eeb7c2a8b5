"""Cells by way of Triton are those of the models in this process."""

import numpy as np
import pytest

from services.analysis.models import MODELS, ModelRepository
from services.analysis.settings import AnalysisSettings
from services.analysis.wiring import reader_of, runtime_of


@pytest.fixture(scope="module")
def embedded(tiles):
    settings = AnalysisSettings.load(threads=1)
    return reader_of(settings, runtime_of(settings)).read(tiles)


@pytest.fixture
def by_triton(triton, client, tiles):
    reader = client(triton, triton_timeout_s=300.0).readers.current(None)
    return [cells for start in range(0, len(tiles), 8) for cells in reader.read(tiles[start : start + 8])]


def test_labels_are_identical_and_numbers_within_a_ten_thousandth(embedded, by_triton):
    ours = [cell for cells in embedded for cell in cells]
    theirs = [cell for cells in by_triton for cell in cells]
    assert [len(cells) for cells in by_triton] == [len(cells) for cells in embedded]
    assert len(ours) > 1000
    assert {cell.detection.kind for cell in ours} == {"erythrocyte", "leukocyte", "platelet"}
    assert [cell.detection.kind for cell in theirs] == [cell.detection.kind for cell in ours]
    assert [cell.verdict.label for cell in theirs] == [cell.verdict.label for cell in ours]
    assert [cell.verdict.candidates for cell in theirs] == [cell.verdict.candidates for cell in ours]
    for one, other in zip(ours, theirs, strict=True):
        assert np.allclose(one.verdict.probabilities, other.verdict.probabilities, rtol=0, atol=1e-4)
        assert one.detection.score == pytest.approx(other.detection.score, abs=1e-4)
        box, same = one.detection.box, other.detection.box
        assert (box.x, box.y, box.width, box.height) == pytest.approx(
            (same.x, same.y, same.width, same.height), abs=0.01
        )


def test_every_result_names_the_committed_weights(triton, client):
    reader = client(triton).readers.current(None)
    repository = ModelRepository(AnalysisSettings.load().models)
    assert reader.models(frozenset(reader.classifiers)) == [repository.card(name) for name in MODELS]
