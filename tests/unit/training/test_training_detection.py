import numpy as np
import pytest

from services.analysis.pixels import TILE, TILE_MARGIN
from services.training.detector.crops import LoadedField, random_crop
from services.training.detector.evaluation import (
    Figures,
    Scored,
    best_threshold,
    counts,
    detect,
    figures,
    match,
    overlaps,
    score,
)
from services.training.detector.targets import draw
from services.training.labels import with_kinds_repaired
from services.training.sources import Box


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


def labelled(kind: str, count: int, side: float) -> list[Box]:
    return [Box(10.0 * i, 5.0, side, side, kind) for i in range(count)]


def test_swapped_kinds_are_named_by_number_and_size():
    swapped = [*labelled("platelet", 60, 50), *labelled("erythrocyte", 1, 100), *labelled("leukocyte", 2, 20)]
    kinds = [box.kind for box in with_kinds_repaired(swapped)]
    assert kinds == ["erythrocyte"] * 60 + ["leukocyte"] + ["platelet"] * 2


@pytest.mark.parametrize(
    "field",
    [
        [],
        [*labelled("erythrocyte", 60, 50), *labelled("leukocyte", 2, 100), *labelled("platelet", 5, 20)],
        [*labelled("erythrocyte", 6, 50), *labelled("platelet", 30, 20)],
        [*labelled("erythrocyte", 2, 50), *labelled("leukocyte", 3, 100)],
    ],
)
def test_other_fields_keep_their_kinds(field):
    assert with_kinds_repaired(field) == tuple(field)


def test_overlap_is_intersection_over_union():
    shared = overlaps(boxes((0, 0, 10, 10)), boxes((0, 0, 10, 10), (5, 0, 15, 10), (20, 20, 30, 30)))
    assert shared[0] == pytest.approx([1, 1 / 3, 0])


def test_a_labelled_cell_is_found_once():
    found = boxes((0, 0, 10, 10), (1, 0, 11, 10), (50, 50, 60, 60))
    assert match(found, boxes((0, 0, 10, 10))).tolist() == [True, False, False]


def test_the_second_best_overlap_is_taken_when_the_best_is_gone():
    found = boxes((0, 0, 10, 10), (0, 0, 10, 9))
    assert match(found, boxes((0, 0, 10, 10), (0, 0, 10, 7))).tolist() == [True, True]


def test_an_overlap_under_the_limit_is_no_match():
    assert match(boxes((0, 0, 10, 10)), boxes((5, 0, 15, 10))).tolist() == [False]


def test_figures_count_by_threshold_and_field():
    scored = Scored(
        np.array([0.9, 0.6, 0.4], np.float32), np.array([True, False, True]), np.array([0, 1, 1]), np.array([1, 2])
    )
    assert counts(scored, 0.5).tolist() == [[1, 1, 1], [1, 0, 2]]
    assert figures(scored, 0.5) == Figures(2, 1, 3)
    assert figures(scored, 0.5).f1 == pytest.approx(0.4)
    assert (figures(scored, 0.95).precision, figures(scored, 0.95).f1) == (0, 0)


def test_the_best_threshold_keeps_right_and_drops_wrong_detections():
    scores = np.array([0.8, 0.7, 0.35, 0.3], np.float32)
    scored = Scored(scores, np.array([True, True, False, False]), np.zeros(4, int), np.array([2]))
    assert 0.35 < best_threshold([scored]) <= 0.7


def answering(*cells: tuple[float, ...]):
    def run(tiles: np.ndarray) -> np.ndarray:
        assert tiles.shape == (1, TILE, TILE, 3)
        answer = np.zeros((1, 1024, 6), np.float32)
        answer[0, : len(cells)] = cells
        return answer

    return run


def test_detections_are_moved_to_the_image_and_clipped_to_it():
    image = np.full((100, 120, 3), 200, np.uint8)
    run = answering((TILE_MARGIN + 5, TILE_MARGIN + 50, 20, 30, 0.9, 1), (TILE_MARGIN - 3, TILE_MARGIN, 9, 9, 0.8, 2))
    corners, scores, kinds = detect(image, run)
    assert corners.tolist() == [[0, 35, 15, 65]]
    assert scores == pytest.approx([0.9])
    assert kinds.tolist() == [1]


def test_scores_are_kept_apart_by_kind():
    field = LoadedField(
        np.zeros((100, 100, 3), np.uint8), boxes((10, 10, 30, 30), (50, 50, 60, 60)), np.array([0, 2]), True, "x"
    )
    shift = TILE_MARGIN
    found = score(
        [field], answering((shift + 20, shift + 20, 20, 20, 0.9, 0), (shift + 55, shift + 55, 10, 10, 0.8, 1))
    )
    assert figures(found["erythrocyte"], 0.5) == Figures(1, 1, 1)
    assert figures(found["leukocyte"], 0.5) == Figures(1, 0, 0)
    assert figures(found["platelet"], 0.5) == Figures(0, 0, 1)


def test_targets_peak_at_the_centre_of_each_cell_in_its_kind():
    targets = draw(boxes((8, 8, 40, 40), (60, 100, 72, 112)), np.array([0, 2]), np.ones((3, 32, 32), np.float32), 4)
    assert np.argwhere(targets.heat == 1).tolist() == [[0, 6, 6], [2, 26, 16]]
    assert targets.sides[:, 6, 6].tolist() == [8, 8, 40, 40]
    assert targets.weight[26, 16] > 0
    assert targets.weight[0, 0] == 0


def test_a_small_cell_on_a_large_one_keeps_its_box():
    targets = draw(boxes((50, 50, 70, 70), (0, 0, 120, 120)), np.array([2, 1]), np.ones((3, 32, 32), np.float32), 4)
    assert targets.sides[:, 15, 15].tolist() == [50, 50, 70, 70]


def test_places_of_labelled_cells_are_known_where_the_rest_is_not():
    targets = draw(boxes((8, 8, 40, 40)), np.array([0]), np.zeros((3, 32, 32), np.float32), 4)
    assert targets.known[0, 6, 6] == 1
    assert targets.known[1].max() == 0
    assert targets.known[0, 25, 25] == 0


@pytest.mark.parametrize("side", [200, 700])
def test_training_crops_are_the_same_for_the_same_seed_and_show_their_cells(side):
    image = np.full((side, side, 3), 220, np.uint8)
    image[90:110, 90:110] = (120, 40, 140)
    field = LoadedField(image, boxes((90, 90, 110, 110)), np.array([1]), True, "x")
    crops = [random_crop([field] * 4, 0, np.random.default_rng(9)) for _ in range(2)]
    assert np.array_equal(crops[0][0], crops[1][0])
    assert crops[0][0].shape == (256, 256, 3)
    for seed in range(6):
        crop, targets = random_crop([field] * 4, 0, np.random.default_rng(seed))
        for row, column in np.argwhere(targets.heat[1] == 1):
            inside = crop[row * 4 : row * 4 + 4, column * 4 : column * 4 + 4, 1].mean()
            assert inside < np.median(crop[..., 1]) - 20
