import cv2
import numpy as np
import pytest

from services.training.classes import LEUKOCYTE_LABELS, LEUKOCYTES
from services.training.classifier.answers import Answers
from services.training.classifier.cells import Cell, one_of
from services.training.classifier.design import LEUKOCYTE_DESIGN
from services.training.classifier.robustness import robustness_section
from services.training.detector.crops import LoadedField
from services.training.detector.robustness import changed
from services.training.errors import TrainingError
from services.training.plots import draw, reliability, risk_by_coverage
from services.training.stress import STRESSES, UNCHANGED


@pytest.fixture
def picture():
    image = np.full((96, 128, 3), (235, 225, 235), np.uint8)
    cv2.circle(image, (50, 48), 26, (200, 130, 150), -1)
    cv2.circle(image, (50, 48), 12, (90, 50, 140), -1)
    return image


def of(what, how_begins):
    (found,) = [stress for stress in STRESSES if stress.what == what and stress.how.startswith(how_begins)]
    return found


def sharpness(image):
    return float(cv2.Laplacian(image[..., 1].astype(np.float32), cv2.CV_32F).std())


@pytest.mark.parametrize("stress", STRESSES, ids=lambda stress: f"{stress.what}, {stress.how}")
def test_each_changes_the_picture_and_the_same_way_each_time(picture, stress):
    before = picture.copy()
    once, again = stress.change(picture), stress.change(picture)
    assert np.array_equal(once, again)
    assert np.array_equal(picture, before)
    assert once.dtype == np.uint8
    unchanged = once.shape == picture.shape and np.array_equal(once, picture)
    assert unchanged == (stress is UNCHANGED or stress.zoom != 1)


def test_each_kind_does_what_it_says(picture):
    assert (
        of("stain", "all 0.6").change(picture).mean() > picture.mean() > of("stain", "all 1.6").change(picture).mean()
    )
    assert of("light", "0.6").change(picture).mean() == pytest.approx(0.6 * picture.mean(), rel=0.02)
    warm, cold = (of("white balance", f"{word}, density 0.2").change(picture).astype(int) for word in ("warm", "cold"))
    assert (warm[..., 0] - warm[..., 2]).mean() > (cold[..., 0] - cold[..., 2]).mean() + 40
    blurred = [sharpness(of("focus", f"blurred by {um}").change(picture)) for um in ("0.07", "0.15", "0.25", "0.40")]
    coarse = [sharpness(of("resolution", um).change(picture)) for um in ("0.18", "0.22", "0.27")]
    assert sorted(blurred, reverse=True) == blurred
    assert sharpness(picture) > coarse[0] > coarse[-1]
    assert sharpness(of("sharpening", "1.5").change(picture)) > sharpness(picture)


def test_a_fields_boxes_keep_to_its_cells_when_these_look_larger(picture):
    field = LoadedField(picture, np.array([[24, 22, 76, 74]], np.float32), np.array([1]), True, "set")
    larger = changed(field, of("scale", "cells 1.15"))
    assert larger.image.shape == (110, 147, 3)
    assert larger.corners == pytest.approx(field.corners * 1.15)
    assert changed(field, of("focus", "blurred by 0.15")).corners is field.corners


def answers(confidences, right):
    shares = np.stack([confidences, 1 - np.asarray(confidences)], axis=1)
    targets = np.where(right, 0, 1)
    return Answers(shares, np.ones(len(right)), targets, np.eye(2, dtype=bool)[targets], np.array(["x"] * len(right)))


def test_reliability_sets_what_is_said_beside_what_is_true():
    said, true = reliability(answers([0.6] * 50 + [0.9] * 50, [True, False] * 25 + [True] * 45 + [False] * 5))
    assert said[0] == pytest.approx(0.6)
    assert said[-1] == pytest.approx(0.9)
    assert true[:5].mean() == pytest.approx(0.5)
    assert true[5:].mean() == pytest.approx(0.9)


def test_the_risk_of_naming_more_cells_counts_the_probable_ones_first():
    coverage, risk = risk_by_coverage(answers([0.55, 0.99, 0.8, 0.7], [False, True, True, False]))
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert risk == pytest.approx([0, 0, 1 / 3, 0.5])


def test_pictures_cannot_be_drawn_without_what_draws_them(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(TrainingError, match="install the dependency group `train`"):
        draw({"set": answers([0.9, 0.8], [True, False])}, tmp_path)


class Sure:
    """Answers a blast for what has a dark middle and a lymphocyte for what is brighter."""

    def __init__(self, darkest_bright=128):
        self.darkest_bright = darkest_bright

    def __call__(self, crops):
        middle = crops.shape[1] // 2
        dark = crops[:, middle, middle].mean(axis=1) < self.darkest_bright
        index = np.where(dark, LEUKOCYTES.index("blast"), LEUKOCYTES.index("lymphocyte"))
        answered = np.eye(len(LEUKOCYTES), dtype=np.float32)[index]
        return answered, np.zeros(len(crops), np.float32), np.zeros((len(crops), 0), np.float32)


def test_robustness_is_told_of_cells_that_may_be_several_classes_and_of_how_many_cells():
    dark, bright = 60, 200

    def cells(level, label, count):
        crop = np.full((192, 192, 3), level, np.uint8)
        allowed = one_of(LEUKOCYTE_LABELS[label], LEUKOCYTES)
        return [Cell(crop, 96, 96, label, allowed, "all_taleqani", 0.2) for _ in range(count)]

    known = {"conformal": dict.fromkeys(LEUKOCYTES, 0.5), "confidence": 0.5, "distance": 5.0, "origin": {"seed": 1}}
    given = [*cells(dark, "all_pre", 3), *cells(dark, "benign", 1), *cells(bright, "benign", 1)]
    told = robustness_section(Sure(), given, LEUKOCYTE_DESIGN, known)
    assert "| all_taleqani, 0.2 µm/px: 5 cells |" in told
    assert "| nothing | as it is | 0.750, 0.200 |" in told


def test_robustness_is_told_in_the_look_of_each_set_and_on_red_cells_of_others():
    def cell(level, label, source, **more):
        picture = np.full((240, 240, 3), 230, np.uint8)
        cv2.circle(picture, (120, 120), 40, (level, level, level), -1)
        allowed = one_of(LEUKOCYTE_LABELS[label], LEUKOCYTES)
        return Cell(picture, 120, 120, label, allowed, source, 0.2, **more)

    known = {"conformal": dict.fromkeys(LEUKOCYTES, 0.5), "confidence": 0.5, "distance": 5.0, "origin": {"seed": 1}}
    blast, lymphocyte = cell(40, "all_pre", "all_taleqani", reach=40.0), cell(90, "lymphocyte", "pbc")
    ground = cell(230, "no_leukocyte", "deepbionet", bare=True)
    told = robustness_section(Sure(darkest_bright=65), [blast, lymphocyte, ground], LEUKOCYTE_DESIGN, known)
    assert "| nothing | as it is | 1.000, 0.000 | 1.000, 0.000 |" in told
    assert "| look | of pbc | 0.000, 1.000 | 1.000, 0.000 |" in told
    assert "| look | of all_taleqani | 1.000, 0.000 | 0.000, 1.000 |" in told
    assert "| ground | cells that stand alone, laid on red cells of another laboratory | 1.000, 0.000 | none |" in told
