"""A runtime that finds coloured spots, so that places and pixels can be checked without weights."""

import hashlib

import cv2
import numpy as np
import pytest
import yaml

from services.analysis.cards import ClassifierCard, DetectorCard, Input
from services.analysis.cells import Kind
from services.analysis.classification import Classifier
from services.analysis.detection import Detector
from services.analysis.parasites import ParasiteSearch
from services.analysis.pixels import CANONICAL_UM_PER_PX, TILE
from services.analysis.reading import CellReader

SLOTS = 1024
CLASSES = ("dark", "middling", "light")
COLOURS = {Kind.ERYTHROCYTE: (220, 40, 40), Kind.LEUKOCYTE: (40, 40, 220), Kind.PLATELET: (40, 220, 40)}


def _spots(image):
    """Cells as the detector's graph gives them: each coloured spot on white, its box and a score by its area."""
    rows = []
    for index, kind in enumerate(Kind):
        low, high = (np.clip(np.add(COLOURS[kind], change), 0, 255) for change in (-60, 60))
        _, _, stats, centroids = cv2.connectedComponentsWithStats(cv2.inRange(image, low, high))
        for (_, _, width, height, area), (x, y) in zip(stats[1:], centroids[1:], strict=True):
            if area >= 9:
                rows.append((x + 0.5, y + 0.5, width, height, 0.5 + min(area, 4000) / 10000, index))
    rows.sort(key=lambda row: -row[4])
    cells = np.zeros((SLOTS, 6), np.float32)
    cells[: len(rows)] = np.array(rows, np.float32).reshape(-1, 6)
    return cells


def _answers(crop):
    """Probabilities by how light the crop's border is; a black crop resembles nothing."""
    light = float(crop.mean()) / 255
    return (1 - light, 0.0, light), 99.0 if light < 0.1 else 0.0


class SpotRuntime:
    """`batches` records how many items each call of a model had; `attributes` are those of every cell, or none."""

    is_warm = True

    def __init__(self):
        self.batches = []
        self.attributes = ()

    def warm(self):
        pass

    def infer(self, model, inputs):
        items = next(iter(inputs.values()))
        assert items.dtype == np.uint8
        self.batches.append((model, len(items)))
        if model == "detector":
            return {"cells": np.stack([_spots(image) for image in items])}
        answers = [_answers(crop) for crop in items]
        return {
            "probabilities": np.array([a[0] for a in answers], np.float32),
            "distance": np.array([a[1] for a in answers], np.float32),
            "attributes": np.tile(np.array(self.attributes, np.float32), (len(answers), 1)),
        }


def _common(name, side):
    shape = (side, side, 3)
    source = Input("image" if name == "detector" else "crops", "uint8", shape)
    return {"name": name, "version": "1", "sha256": "0" * 64, "um_per_px": CANONICAL_UM_PER_PX, "input": source}


def _classifier(name, side, classes=CLASSES):
    conformal = dict.fromkeys(classes, 0.3)
    return ClassifierCard(**_common(name, side), classes=classes, conformal=conformal, confidence=0.4, distance=10.0)


@pytest.fixture
def runtime():
    return SpotRuntime()


@pytest.fixture
def reader(runtime):
    card = DetectorCard(**_common("detector", TILE), kinds=tuple(Kind), score_thresholds=dict.fromkeys(Kind, 0.4))
    classifiers = {
        Kind.LEUKOCYTE: Classifier(runtime, _classifier("leukocytes", 192)),
        Kind.ERYTHROCYTE: Classifier(runtime, _classifier("erythrocytes", 80)),
    }
    parasites = ParasiteSearch(Classifier(runtime, _classifier("plasmodium", 64, ("uninfected", "ring", "schizont"))))
    return CellReader(Detector(runtime, card), classifiers, parasites)


@pytest.fixture
def spots():
    """White pictures with spots: (kind, x, y, radius) in pixels."""

    def draw(width, height, cells):
        image = np.full((height, width, 3), 255, np.uint8)
        for kind, x, y, radius in cells:
            cv2.circle(image, (x, y), radius, COLOURS[kind], -1)
        return image

    return draw


@pytest.fixture
def model_folder(tmp_path):
    """Writes a model's folder: any bytes as the graph, and a description that fits them unless told otherwise."""

    def write(folder_name, side, specific, graph=b"graph", **changes):
        folder = tmp_path / folder_name
        (folder / "1").mkdir(parents=True, exist_ok=True)
        (folder / "1" / "model.onnx").write_bytes(graph)
        common = {
            "name": folder_name,
            "version": "1.2.3",
            "file": "1/model.onnx",
            "sha256": hashlib.sha256(graph).hexdigest(),
            "um_per_px": 0.137,
            "input": {"name": "image", "dtype": "uint8", "shape": [side, side, 3]},
        }
        (folder / "model.yaml").write_text(yaml.safe_dump({**common, **specific, **changes}), "utf-8")
        return tmp_path

    return write
