"""Turns fitted weights into a released classifier: its calibrated file, thresholds and description."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from services.training import description
from services.training.calibration import UNSURE_QUANTILE, conformal_thresholds
from services.training.classifier.answers import answer
from services.training.classifier.cells import Cell
from services.training.classifier.design import Design
from services.training.classifier.fitted import calibrated
from services.training.classifier.network import ClassifierNetwork
from services.training.classifier.views import Company, disturbed
from services.training.description import Origin
from services.training.export import export
from services.training.runtime import Model

_VIEWS = 4
"""Ways in which each validation cell is disturbed."""


def release(
    design: Design, weights: Path, folder: Path, origin: Origin, *, train: Sequence[Cell], validation: Sequence[Cell]
) -> None:
    """Writes the model file and its description; all thresholds come from the validation cells.

    Temperature and offsets are fitted on these as they are. The thresholds for refusal are set on them disturbed as in
    training, each in several ways: a detector's centre is off by up to a µm, and another laboratory's stain should not
    empty the sets. Of a class with few cells one way each would leave its threshold to the hardest of them.
    """
    network = ClassifierNetwork.of(design)
    network.load_state_dict(torch.load(weights, weights_only=True))
    graph = calibrated(network.eval(), train, validation, design, origin.seed)
    example = torch.zeros((2, design.crop, design.crop, 3), dtype=torch.uint8)
    outputs = ["probabilities", "distance", *(["attributes"] if design.attributes else [])]
    export(graph, example, "crops", outputs, folder / description.MODEL_FILE)
    rng = np.random.default_rng(origin.seed)
    model = Model(folder / description.MODEL_FILE, threads=2)
    company = Company.of(validation)
    views = list(validation) * _VIEWS
    found = answer(model, views, lambda cell: disturbed(cell, design, design.crop, company, rng)).single
    thresholds = conformal_thresholds(found.probabilities, found.targets)
    specific = {
        "classes": list(design.classes),
        "attributes": {name: list(values) for name, values in design.attributes.items()},
        "described": described_classes(design, train),
        "temperature": round(graph.temperature, 4),
        "offsets": {n: round(float(v), 4) for n, v in zip(design.classes, graph.offsets, strict=True)},
        "conformal": {name: round(value, 6) for name, value in zip(design.classes, thresholds, strict=True)},
        "confidence": round(float(np.quantile(found.probabilities.max(axis=1), UNSURE_QUANTILE)), 4),
        "distance": round(float(np.quantile(found.distance, 1 - design.strange)), 4),
    }
    description.write(folder, specific, origin)


def described_classes(design: Design, train: Sequence[Cell]) -> list[str]:
    """The classes of which cells with attributes were learned: of others the network's word on them is a guess."""
    known = {cell.target for cell in train if cell.attributes.any()}
    return [name for index, name in enumerate(design.classes) if index in known]
