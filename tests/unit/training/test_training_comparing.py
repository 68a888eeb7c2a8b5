"""Two models whose classes differ are compared on the same cells, each by its own classes."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from services.training.classifier.cells import Cell
from services.training.classifier.comparing import differences
from services.training.classifier.design import ERYTHROCYTE_DESIGN
from services.training.description import Described

NEW = ("normal", "target", "sickle")


def calling(name: str, classes: tuple[str, ...]) -> Described:
    """A model that answers every crop with one class, surely."""

    def model(crops: np.ndarray) -> list[np.ndarray]:
        sure = np.array([[float(one == name) for one in classes]] * len(crops))
        return [sure, np.zeros(len(crops))]

    words = {"classes": list(classes), "conformal": dict.fromkeys(classes, 0.5), "confidence": 0.5, "distance": 1.0}
    return Described(model, words)


def test_a_class_that_the_released_model_lacks_is_one_it_never_calls_right():
    image = np.zeros((80, 80, 3), np.uint8)
    labels = {"sickle": ("sickle",), "debris": ()}
    cells = [
        Cell(image, 40, 40, label, np.array([one in names for one in NEW]), "set", 0.137)
        for label, names in labels.items()
        for _ in range(4)
    ]
    design = replace(ERYTHROCYTE_DESIGN, classes=NEW, load=lambda *_: cells)
    pair = calling("normal", NEW[:2]), calling("sickle", NEW)
    found = {one.place.split(", ")[1]: one for one in differences(design, Path(), {}, *pair, seed=1)}
    assert set(found) == {"sickle: called right", "sickle: named", "debris: left without a name"}
    right = found["sickle: called right"]
    assert (right.released, right.candidate, right.worse) == (0.0, 1.0, False)
    assert found["debris: left without a name"].candidate == 0.0
