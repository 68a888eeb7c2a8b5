import numpy as np
import pytest

from services.analysis.cells import Kind
from services.analysis.classification import conformal_set, label_of

CLASSES = ("a", "b", "c")


@pytest.mark.parametrize(
    ("probabilities", "candidates"),
    [
        ((0.8, 0.15, 0.05), ("a",)),
        ((0.5, 0.4, 0.1), ("a", "b")),
        ((0.29, 0.25, 0.46), ()),
        ((0.3, 0.3, 0.4), ("a", "b")),
    ],
)
def test_a_class_is_a_candidate_from_its_own_threshold_on(probabilities, candidates):
    assert conformal_set(CLASSES, probabilities, {"a": 0.3, "b": 0.3, "c": 0.5}) == candidates


@pytest.mark.parametrize(
    ("probabilities", "candidates", "label"),
    [
        ((0.8, 0.15, 0.05), ("a",), "a"),
        ((0.5, 0.4, 0.1), ("a", "b"), "a"),
        ((0.3, 0.2, 0.5), ("a",), "unidentified"),
        ((0.36, 0.34, 0.3), ("a", "b", "c"), "unidentified"),
        ((0.8, 0.15, 0.05), (), "unidentified"),
    ],
)
def test_a_cell_has_the_name_of_its_most_probable_class_unless_that_is_excluded_or_improbable(
    probabilities, candidates, label
):
    assert label_of(CLASSES, probabilities, candidates, 0.4) == label


def test_verdicts_are_in_the_order_of_the_crops_with_probabilities_in_class_order(reader):
    light, dark, black = (np.full((192, 192, 3), value, np.uint8) for value in (250, 40, 0))
    verdicts = reader.classifiers[Kind.LEUKOCYTE].classify([light, dark, black])
    assert [verdict.label for verdict in verdicts] == ["light", "dark", "unidentified"]
    assert verdicts[0].probabilities == pytest.approx((5 / 255, 0, 250 / 255))
    assert verdicts[2].candidates == (), "it resembles nothing in training"


def test_no_crops_need_no_run(reader, runtime):
    assert reader.classifiers[Kind.LEUKOCYTE].classify([]) == []
    assert runtime.batches == []
