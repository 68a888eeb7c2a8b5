"""Turns fitted weights into the released detector: its file, thresholds and description."""

from pathlib import Path

import torch

from services.analysis.pixels import TILE
from services.training import description
from services.training.classes import KINDS
from services.training.description import Origin
from services.training.detector.crops import LoadedField
from services.training.detector.evaluation import best_threshold, score
from services.training.detector.graph import DetectorGraph
from services.training.detector.measure import COMPLETE_SOURCES
from services.training.detector.network import DetectorNetwork
from services.training.export import export
from services.training.runtime import Model


def release(weights: Path, validation: list[LoadedField], origin: Origin, folder: Path) -> None:
    """Writes the model file and its description; thresholds are those of the best F1 on validation fields."""
    network = DetectorNetwork()
    network.load_state_dict(torch.load(weights, weights_only=True))
    example = torch.zeros((2, TILE, TILE, 3), dtype=torch.uint8)
    export(DetectorGraph(network), example, "image", ["cells"], folder / description.MODEL_FILE)
    model = Model(folder / description.MODEL_FILE)
    scored = [score(of_source(validation, source), lambda tiles: model(tiles)[0]) for source in COMPLETE_SOURCES]
    thresholds = {kind: best_threshold([one[kind] for one in scored]) for kind in KINDS}
    description.write(folder, {"kinds": list(KINDS), "score_thresholds": thresholds}, origin)


def of_source(fields: list[LoadedField], source: str) -> list[LoadedField]:
    """The fields of one set."""
    return [field for field in fields if field.source == source]
