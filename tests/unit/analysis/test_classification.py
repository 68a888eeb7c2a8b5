from dataclasses import replace

import numpy as np
import pytest

from services.analysis.cells import Kind
from services.analysis.classification import Classifier, conformal_set, label_of

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


def test_attributes_are_told_of_the_classes_that_they_were_learned_of_and_of_no_other(reader, runtime):
    known = reader.classifiers[Kind.LEUKOCYTE].card
    values = {"cell_size": ("big", "small"), "granularity": ("no", "yes")}
    runtime.attributes = (0.7, 0.3, 0.1, 0.9)
    classifier = Classifier(runtime, replace(known, attributes=values, described=("light",)))
    light, dark, black = classifier.classify([np.full((192, 192, 3), value, np.uint8) for value in (250, 40, 0)])
    assert light.attributes["cell_size"] == pytest.approx({"big": 0.7, "small": 0.3})
    assert light.attributes["granularity"] == pytest.approx({"no": 0.1, "yes": 0.9})
    assert dark.attributes == {}, "the model did not learn them of dark cells"
    assert black.attributes == {}, "it resembles nothing in training"


def test_a_model_cannot_describe_a_class_that_it_does_not_have(reader):
    with pytest.raises(ValueError, match="described must name classes, not heavy"):
        replace(reader.classifiers[Kind.LEUKOCYTE].card, described=("light", "heavy"))


def test_no_crops_need_no_run(reader, runtime):
    assert reader.classifiers[Kind.LEUKOCYTE].classify([]) == []
    assert runtime.batches == []
