import cv2
import numpy as np
import pytest

from services.training.repeats import repeats
from services.training.sources import Box, Field

UM_PER_PX = 0.2
SIDE = 300
CELL_PX = 36


@pytest.fixture(scope="module")
def film():
    """A film of round and oval cells at random places, and their centres."""
    rng = np.random.default_rng(7)
    image, centres = np.full((1500, 1500, 3), 235, np.uint8), []
    while len(centres) < 900:
        x, y = rng.integers(30, 1470, 2)
        if all((x - a) ** 2 + (y - b) ** 2 > (0.9 * CELL_PX) ** 2 for a, b in centres):
            centres.append((int(x), int(y)))
            axes = (int(rng.integers(14, 19)), int(rng.integers(14, 19)))
            cv2.ellipse(image, (int(x), int(y)), axes, int(rng.integers(180)), 0, 360, (170, 120, 130), -1)
            cv2.circle(image, (int(x), int(y)), int(rng.integers(3, 8)), (215, 190, 195), -1)
    return cv2.GaussianBlur(image, (0, 0), 1.5), np.array(centres)


@pytest.fixture
def field(film, tmp_path):
    """Cut a field of the film, as it is or changed, with a box around each of its cells."""

    def cut(name, left, top, change=lambda picture: picture, kind="erythrocyte"):
        image, centres = film
        marks = np.zeros(image.shape[:2], np.uint8)
        marks[tuple(centres.T[::-1])] = 255
        window = (slice(top, top + SIDE), slice(left, left + SIDE))
        path = tmp_path / f"{name}.png"
        cv2.imwrite(str(path), change(image[window]))
        ys, xs = np.nonzero(change(np.repeat(marks[window][..., None], 3, axis=2))[..., 0] > 128)
        half = CELL_PX / 2
        boxes = [Box(x - half, y - half, CELL_PX, CELL_PX, kind) for x, y in zip(xs, ys, strict=True)]
        return Field("set", path, UM_PER_PX, tuple(boxes))

    return cut


def recoloured(picture):
    return (
        np.clip(picture * np.array([0.7, 0.9, 0.8]) + 10, 0, 255).astype(np.uint8) if picture.mean() > 100 else picture
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda picture: picture,
        lambda picture: np.ascontiguousarray(picture[:, ::-1]),
        lambda picture: np.ascontiguousarray(np.rot90(picture)),
        lambda picture: np.ascontiguousarray(np.rot90(picture[::-1], 3)),
        recoloured,
    ],
    ids=["cut elsewhere", "mirrored", "turned", "turned and mirrored", "recoloured"],
)
def test_fields_that_show_the_same_cells_are_found(field, change):
    fields = [field("one", 100, 100), field("far", 900, 900), field("same", 190, 160, change)]
    assert repeats(fields) == {(0, 2)}


def test_fields_of_other_places_of_one_film_are_no_repeats(field):
    assert repeats([field(str(n), 50 + 350 * (n % 4), 50 + 350 * (n // 4)) for n in range(12)]) == set()


def test_leukocytes_are_not_compared_by_and_empty_fields_have_nothing_to_compare(field, tmp_path):
    blank = tmp_path / "blank.png"
    cv2.imwrite(str(blank), np.full((SIDE, SIDE, 3), 235, np.uint8))
    empty = Field("set", blank, UM_PER_PX, (Box(140, 140, 30, 30, "erythrocyte"),))
    cells = [field(name, 100, 100, kind="leukocyte") for name in ("one", "two")]
    assert repeats([*cells, empty, empty]) == set()
