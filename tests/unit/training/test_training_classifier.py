from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from services.training.classes import (
    ERYTHROCYTE_LABELS,
    ERYTHROCYTES,
    LEUKOCYTE_GROUPS,
    LEUKOCYTE_LABELS,
    LEUKOCYTES,
    NO_LEUKOCYTE,
    WATCHED_LEUKOCYTES,
)
from services.training.classifier.answers import Answers
from services.training.classifier.cells import Cell, targets
from services.training.classifier.figures import (
    CERTAIN,
    POSSIBLE,
    answers_section,
    binary_section,
    classes_section,
    confusion,
    f1_by_class,
    groups_section,
    refusal_section,
    watched_section,
)
from services.training.classifier.nuclei import find_nuclei

NAMES = list(LEUKOCYTES)
DESCRIBED = {"conformal": dict.fromkeys(NAMES, 0.5), "confidence": 0.6, "distance": 5.0}


def answers(pairs: list[tuple[str, str]], distance: float = 1.0) -> Answers:
    """From (label of the set, class answered)."""
    allowed = np.array([[name in LEUKOCYTE_LABELS[label] for name in NAMES] for label, _ in pairs])
    shares = np.full((len(pairs), len(NAMES)), 0.01)
    shares[np.arange(len(pairs)), [NAMES.index(answered) for _, answered in pairs]] = 0.89
    wanted = np.where(allowed.sum(axis=1) == 1, allowed.argmax(axis=1), -1)
    return Answers(shares, np.full(len(pairs), distance), wanted, allowed, np.array([label for label, _ in pairs]))


def test_confusion_has_the_truth_by_row():
    counted = confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 3)
    assert counted.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert f1_by_class(counted)[:2] == pytest.approx([2 / 3, 2 / 3])
    assert np.isnan(f1_by_class(counted)[2])


def test_bands_answered_as_segmented_are_right_by_group_and_wrong_by_class():
    found = answers([("neutrophil_band", "neutrophil_segmented")] * 3 + [("monocyte", "monocyte")])
    assert "4 cells of 2 classes: accuracy 0.250" in classes_section(found, NAMES, seed=1)
    assert "4 cells under 2 coarser classes: accuracy 1.000" in groups_section(found, NAMES, LEUKOCYTE_GROUPS)


def test_cells_labelled_only_by_group_count_by_group():
    found = answers([("neutrophil", "neutrophil_band"), ("immature_granulocyte", "lymphocyte")])
    assert found.targets.tolist() == [-1, -1]
    assert "2 cells under 2 coarser classes: accuracy 0.500" in groups_section(found, NAMES, LEUKOCYTE_GROUPS)


def test_hematogones_are_negatives_of_blasts():
    found = answers([("all_pre", "blast"), ("all_pro", "lymphocyte"), ("benign", "blast"), ("benign", "monocyte")])
    text = binary_section(found, NAMES, "blast")
    assert "sensitivity 0.500" in text
    assert "specificity 0.500" in text


def test_the_card_counts_what_the_rules_look_for_as_they_do():
    tables = Path("services/reasoning/data")
    counting = yaml.safe_load((tables / "counting.yaml").read_text("utf-8"))
    assert (counting["certain_probability"]["value"], counting["possible_probability"]["value"]) == (CERTAIN, POSSIBLE)
    watched = yaml.safe_load((tables / "classes.yaml").read_text("utf-8"))["watched"]
    assert {name: set(members) for name, members in watched.items()}.items() <= {
        name: set(members) for name, members in WATCHED_LEUKOCYTES.items()
    }.items()


def test_cells_that_pass_for_blasts_are_counted_by_what_they_are():
    found = answers([("lymphocyte", "blast")] * 3 + [("monocyte", "monocyte")] * 2)
    found.probabilities[0, NAMES.index("blast")] = 0.95
    found.probabilities[1, [NAMES.index("blast"), NAMES.index("lymphocyte")]] = 0.25, 0.6
    text = watched_section(found, NAMES, {"blasts": ("blast",)}, DESCRIBED)
    assert "| lymphocyte | 3 | 1 | 3 |" in text
    assert "| monocyte | 2 | 0 | 0 |" in text
    strange = watched_section(found, NAMES, {"blasts": ("blast",)}, {**DESCRIBED, "distance": 0.5})
    assert "| lymphocyte | 3 | 0 | 3 |" in strange


def test_refusal_tells_coverage_sizes_and_strangeness():
    found = answers([("monocyte", "monocyte")] * 4 + [("basophil", "monocyte")] * 4, distance=3.0)
    text = refusal_section(found, NAMES, {**DESCRIBED, "distance": 2.0})
    assert "| monocyte | 4 | 1.000" in text
    assert "| basophil | 4 | 0.000" in text
    assert "one class 1.000" in text
    assert "Farther than the distance threshold: 1.000" in text


def test_cells_too_improbable_or_too_far_have_no_name():
    sure = answers([("monocyte", "monocyte")] * 3 + [("basophil", "monocyte")])
    assert "Without a name: 0.000" in refusal_section(sure, NAMES, DESCRIBED)
    assert "0.750 (0.194–0.994) are right" in refusal_section(sure, NAMES, DESCRIBED)
    assert "Without a name: 1.000" in refusal_section(sure, NAMES, {**DESCRIBED, "confidence": 0.95})
    assert "Without a name: 1.000" in refusal_section(sure, NAMES, {**DESCRIBED, "distance": 0.5})


def test_cells_of_one_class_are_listed_by_what_they_are_called():
    text = answers_section(answers([("monocyte", "monocyte")] * 3 + [("monocyte", "basophil")]), NAMES, DESCRIBED)
    assert "4 cells, all monocyte" in text
    assert "| monocyte | 3 | 0.750" in text
    assert "| basophil | 1 | 0.250" in text
    assert "unidentified" not in text


def test_every_label_of_the_sets_allows_some_class_but_that_of_no_leukocyte():
    assert all(set(allowed) <= set(LEUKOCYTES) for allowed in LEUKOCYTE_LABELS.values())
    assert [label for label, allowed in LEUKOCYTE_LABELS.items() if not allowed] == [NO_LEUKOCYTE]
    assert all(set(allowed) <= set(ERYTHROCYTES) and allowed for allowed in ERYTHROCYTE_LABELS.values())
    assert "sickle" not in ERYTHROCYTE_LABELS["round"] + ERYTHROCYTE_LABELS["other"]
    assert "blast" not in LEUKOCYTE_LABELS["benign"]


def test_a_cell_has_a_target_only_where_one_class_is_allowed():
    image = np.zeros((300, 300, 3), np.uint8)
    cells = [Cell(image, 150, 150, "x", np.array(mask), "pbc", 0.1) for mask in ([0, 1, 0], [1, 1, 0])]
    assert targets(
        [Cell(c.image, c.x, c.y, c.label, c.allowed.astype(bool), c.source, c.um_per_px) for c in cells]
    ).tolist() == [1, -1]
    assert cells[0].crop(192).shape == (192, 192, 3)
    assert Cell(image, 150, 150, "x", np.array([False, False]), "pbc", 0.1).target == -1


def test_nuclei_are_found_apart_and_pale_red_cells_are_not():
    image = np.full((224, 224, 3), (235, 235, 230), np.uint8)
    for centre in [(60, 60), (84, 60), (150, 150)]:
        cv2.circle(image, centre, 12, (120, 60, 170), -1)
    for centre in [(60, 150), (180, 60)]:
        cv2.circle(image, centre, 9, (190, 190, 200), -1)
    found = sorted(find_nuclei(image))
    assert len(found) == 3
    for (x, y), (wanted_x, wanted_y) in zip(found, [(60, 60), (84, 60), (150, 150)], strict=True):
        assert abs(x - wanted_x) <= 4
        assert abs(y - wanted_y) <= 4


def test_a_field_without_nuclei_gives_none():
    assert find_nuclei(np.full((224, 224, 3), 230, np.uint8)) == []
