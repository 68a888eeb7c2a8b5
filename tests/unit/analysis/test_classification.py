import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@given(candidates=st.lists(st.sampled_from(CLASSES), unique=True))
def test_only_a_single_candidate_is_a_label(candidates):
    assert label_of(candidates) == (candidates[0] if len(candidates) == 1 else "unidentified")


def test_verdicts_are_in_the_order_of_the_crops_with_probabilities_in_class_order(reader):
    light, dark, black = (np.full((192, 192, 3), value, np.uint8) for value in (250, 40, 0))
    verdicts = reader.classifiers[Kind.LEUKOCYTE].classify([light, dark, black])
    assert [verdict.label for verdict in verdicts] == ["light", "dark", "unidentified"]
    assert verdicts[0].probabilities == pytest.approx((5 / 255, 0, 250 / 255))
    assert verdicts[2].candidates == (), "it resembles nothing in training"


def test_no_crops_need_no_run(reader, runtime):
    assert reader.classifiers[Kind.LEUKOCYTE].classify([]) == []
    assert runtime.batches == []
