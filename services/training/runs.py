"""One training of one model, from data to released file."""

import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path

from services.training import manifest
from services.training.classifier import release as classifier_release
from services.training.classifier import training as classifier_training
from services.training.classifier.design import DESIGNS, Design
from services.training.description import Origin
from services.training.detector import release as detector_release
from services.training.detector import training as detector_training
from services.training.detector.crops import load_part
from services.training.errors import TrainingError
from services.training.fitting import Plan
from services.training.manifest import Manifest
from services.training.runtime import machine
from services.training.sources import MODEL_SOURCES
from services.training.splits import Part

_EPOCHS = {"detector": 28, "leukocytes": 7, "erythrocytes": 10, "plasmodium": 12}
_BATCH = {"detector": 16, "leukocytes": 64, "erythrocytes": 64, "plasmodium": 64}
_RATE = {"detector": 2.5e-3, "leukocytes": 1.5e-3, "erythrocytes": 2e-3, "plasmodium": 2e-3}
_DECAY = 0.02
_ORIGIN = "origin.json"
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """Which model, from which data, where to, how."""

    name: str
    data: Path
    folder: Path
    work: Path
    seed: int
    threads: int


def train(run: Run, epochs: int | None, export_only: bool, design: Design | None = None) -> None:
    """Fits (unless only the export is wanted) and releases a model; a classifier of another ``design`` if given."""
    manifests = {source: manifest.verified(run.data, source) for source in MODEL_SOURCES[run.name]}
    design = design or DESIGNS.get(run.name)
    if not export_only:
        _fit(run, manifests, epochs or _EPOCHS[run.name], design)
    _release(run, manifests, design)


def _fit(run: Run, manifests: dict[str, Manifest], epochs: int, design: Design | None) -> None:
    plan = Plan(epochs, _BATCH[run.name], _RATE[run.name], _DECAY, run.seed, run.threads)
    started = time.monotonic()
    if design is None:
        detector_training.train(run.data, manifests, plan, run.work)
    else:
        classifier_training.train(design, run.data, manifests, plan, run.work)
    command = f"python -m services.training train {run.name} --data ../shared/data --epochs {epochs} --seed {run.seed}"
    digests = {source: known.content_sha256 for source, known in manifests.items()}
    origin = Origin(command, run.seed, epochs, round(time.monotonic() - started), machine(), digests)
    (run.work / _ORIGIN).write_text(json.dumps(vars(origin)), "utf-8")


def _release(run: Run, manifests: dict[str, Manifest], design: Design | None) -> None:
    weights = run.work / "weights.pt"
    if not (weights.exists() and (run.work / _ORIGIN).exists()):
        raise TrainingError(f"{run.name}: no finished training in the work folder; train without --export-only")
    origin = Origin(**json.loads((run.work / _ORIGIN).read_text("utf-8")))
    if design is None:
        validation = load_part(run.data, manifests, Part.VALIDATION)
        detector_release.release(weights, validation, origin, run.folder)
        return
    train_cells, validation_cells = (design.load(run.data, manifests, part) for part in (Part.TRAIN, Part.VALIDATION))
    classifier_release.release(design, weights, run.folder, origin, train=train_cells, validation=validation_cells)
