"""Leukocytes of other laboratories, named by reading, and heaps of red cells, which are none."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from services.training import manifest
from services.training.classes import LEUKOCYTE_LABELS, LEUKOCYTES, NO_LEUKOCYTE
from services.training.classifier import readings
from services.training.classifier.heaps import heaps, in_layers
from services.training.classifier.readings import read_leukocytes
from services.training.sources import READ_SOURCES
from services.training.splits import Part

READINGS = Path(readings.__file__).parents[1] / "readings"
SIDE = 400


def rows(source: str) -> list[dict[str, str]]:
    with (READINGS / f"{source}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """One field with a leukocyte at the left and two red cells that overlap at the right, as DeepBioNet stores it."""
    field = np.full((480, 640, 3), 235, np.uint8)
    cv2.circle(field, (100, 100), 45, (150, 60, 90), -1)
    for x in (450, 490):
        cv2.circle(field, (x, 300), 28, (150, 150, 205), -1)
    path = tmp_path / "deepbionet" / "images" / "aaaaaaaaaa.webp"
    path.parent.mkdir(parents=True)
    cv2.imwrite(str(path), field, [cv2.IMWRITE_WEBP_QUALITY, 101])
    boxes = [(2, [55, 55, 90, 90]), (1, [422, 272, 56, 56]), (1, [462, 272, 56, 56])]
    table = {
        "images": [{"id": 1, "file_name": "images/aaaaaaaaaa.webp", "width": 640, "height": 480}],
        "categories": [{"id": 1, "name": "rbc"}, {"id": 2, "name": "wbc"}],
        "annotations": [{"image_id": 1, "category_id": kind, "bbox": box} for kind, box in boxes],
    }
    (tmp_path / "deepbionet" / "labels.json").write_text(json.dumps(table), "utf-8")
    return tmp_path


def only_in(data: Path, part: Part) -> manifest.Manifest:
    path = next((data / "deepbionet" / "images").iterdir())
    key = manifest.content_hash(path)
    return manifest.Manifest("deepbionet", "", {key: (key, part)})


@pytest.mark.parametrize("source", READ_SOURCES)
def test_readings_name_each_cell_once_by_a_class_that_tells_itself(source):
    read = rows(source)
    assert len({(row["picture"], row["x"], row["y"]) for row in read}) == len(read) > 300
    plain = {"neutrophil", "lymphocyte", "monocyte", "eosinophil", "basophil"}
    assert {row["label"] for row in read} <= plain <= set(LEUKOCYTE_LABELS)


def test_read_cells_lie_in_the_middle_of_their_pictures(data, tmp_path, monkeypatch):
    (tmp_path / "deepbionet.csv").write_text("picture,x,y,label\naaaaaaaaaa,100,100,neutrophil\n", "utf-8")
    monkeypatch.setattr(readings, "_READINGS", tmp_path)
    (cell,) = read_leukocytes(data, only_in(data, Part.TRAIN), Part.TRAIN, SIDE)
    assert cell.label == "neutrophil"
    assert {name for name, allowed in zip(LEUKOCYTES, cell.allowed, strict=True) if allowed} == {
        "neutrophil_segmented",
        "neutrophil_band",
    }
    assert cell.image.shape == (SIDE, SIDE, 3)
    assert tuple(cell.crop(9)[4, 4]) == pytest.approx((90, 60, 150), abs=4)
    assert not list(read_leukocytes(data, only_in(data, Part.TRAIN), Part.TEST, SIDE))


def test_a_heap_is_where_red_cells_overlap_and_no_leukocyte_is_near(data):
    known = only_in(data, Part.TRAIN)
    (heap,) = heaps(data, known, Part.TRAIN, SIDE, seed=1)
    assert heap.label == NO_LEUKOCYTE
    assert not heap.allowed.any()
    assert heap.target == -1
    (again,) = heaps(data, known, Part.TRAIN, SIDE, seed=1)
    assert np.array_equal(heap.image, again.image), "the same seed gives the same heap"


def test_layers_add_up_in_density_and_leave_the_glass_as_it_is():
    cell = np.full((100, 100, 3), 230, np.uint8)
    cell[20:80, 20:80] = 115
    rng = np.random.default_rng(1)
    assert np.abs(in_layers(cell, 1, rng).astype(int) - cell).max() <= 1
    heap = in_layers(cell, 3, rng)
    # Half of the light passes a layer, an eighth passes three.
    assert heap.max() == pytest.approx(230, abs=1)
    assert heap.min() == pytest.approx(230 / 8, abs=2)
