"""`frottis evaluate` on folders of one's own: cells by picture, cells by point, fields by box."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from services.training.description import MODELS
from services.training.errors import DataSetError
from services.training.evaluating import evaluate

ROOT = Path(__file__).parents[3]
RELEASED = ROOT / MODELS


def table(path: Path, head: list[str], rows: list[list[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])


def picture(path: Path, image: np.ndarray) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image, [cv2.IMWRITE_WEBP_QUALITY, 101])
    return path.name


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (256, 256, 3), np.uint8)


def test_cells_of_an_unknown_class_are_counted_by_what_they_are_called(tmp_path, noise):
    rows = [[picture(tmp_path / f"{n}.webp", np.roll(noise, n)), "plasma_cell"] for n in range(3)]
    table(tmp_path / "labels.csv", ["file", "label"], rows)
    found = evaluate("leukocytes", RELEASED / "leukocytes", tmp_path, 0.1)
    assert found.values["cells"] == 3
    assert found.values["model"] == "leukocytes"
    values = found.values["labels"]["plasma_cell"]
    assert values["cells"] == 3
    assert "likeliest_right" not in values
    assert values["named"] == {"count": 0, "share": 0.0, "low": 0.0, "high": pytest.approx(0.708, abs=0.001)}
    assert "3 cells, all plasma_cell, are called:" in found.text
    assert "| unidentified | 3 | 1.000" in found.text


def test_cells_are_read_by_their_centres(tmp_path):
    field = np.full((400, 400, 3), 235, np.uint8)
    cv2.circle(field, (100, 300), 37, (150, 140, 205), -1)
    name = picture(tmp_path / "field.webp", field)
    table(
        tmp_path / "points.csv",
        ["file", "x", "y", "label"],
        [[name, 100, 300, "normal"], [name, 100, 300, "keratocyte"]],
    )
    found = evaluate("erythrocytes", RELEASED / "erythrocytes", tmp_path, 0.1)
    normal, unknown = (found.values["labels"][label] for label in ("normal", "keratocyte"))
    assert normal["cells"] == unknown["cells"] == 1
    assert normal["named"] == unknown["named"]
    assert "likeliest_right" in normal
    assert "likeliest_right" not in unknown


def test_fields_are_counted_by_their_boxes(tmp_path):
    table = {
        "images": [{"id": 1, "file_name": picture(tmp_path / "f.webp", np.full((200, 300, 3), 235, np.uint8))}],
        "categories": [{"id": 1, "name": "rbc"}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [10, 10, 60, 60]}],
    }
    (tmp_path / "labels.json").write_text(json.dumps(table), "utf-8")
    found = evaluate("detector", RELEASED / "detector", tmp_path, 0.137)
    assert found.values["fields"] == 1
    assert found.values["kinds"]["erythrocyte"] == {
        "labelled": 1,
        "found": 0,
        "correct": 0,
        "f1": {"value": 0.0, "low": 0.0, "high": 0.0},
    }


def test_a_kind_of_cell_that_is_not_known_is_named(tmp_path):
    table = {"images": [], "categories": [{"id": 1, "name": "spider"}], "annotations": []}
    (tmp_path / "labels.json").write_text(json.dumps(table), "utf-8")
    with pytest.raises(DataSetError, match="spider; known are rbc"):
        evaluate("detector", RELEASED / "detector", tmp_path, 0.137)


def test_a_folder_without_labels_says_what_is_missing(tmp_path):
    with pytest.raises(DataSetError, match=r"neither labels\.csv"):
        evaluate("leukocytes", RELEASED / "leukocytes", tmp_path, 0.1)
