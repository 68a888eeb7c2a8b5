"""The description beside a model file, ``model.yaml``: what a runner must know to use it, and how it came about."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from services.analysis.pixels import CANONICAL_UM_PER_PX
from services.training.errors import ModelFileError
from services.training.runtime import Model

MODELS = Path("deploy/triton/models")
MODEL_FILE = Path("1/model.onnx")
DESCRIPTION_FILE = "model.yaml"
RELEASES = {"detector": "0.3.0", "leukocytes": "0.4.0", "erythrocytes": "0.4.0", "plasmodium": "0.2.0"}
"""Each model's version: other weights or thresholds are another version."""


@dataclass(frozen=True)
class Origin:
    """How a model was made."""

    command: str
    seed: int
    epochs: int
    seconds: int
    machine: str
    data: dict[str, str]
    """Source → SHA-256 of its content."""


def write(folder: Path, specific: dict[str, Any], origin: Origin) -> None:
    """Describes the model of a folder; ``specific`` is what only this model has."""
    model = Model(folder / MODEL_FILE)
    description = {
        "name": folder.name,
        "version": RELEASES[folder.name],
        "file": str(MODEL_FILE),
        "sha256": sha256(folder / MODEL_FILE),
        "um_per_px": CANONICAL_UM_PER_PX,
        "input": {"name": model.input.name, "dtype": "uint8", "shape": model.input.shape[1:]},
        "outputs": [{"name": o.name, "dtype": "float32", "shape": o.shape[1:]} for o in model.outputs],
        **specific,
        "origin": dict(vars(origin)),
    }
    text = yaml.safe_dump(description, sort_keys=False, width=120, default_flow_style=None)
    (folder / DESCRIPTION_FILE).write_text(text, "utf-8")


def read(folder: Path) -> dict[str, Any]:
    """The description of a model, after making sure that it is of the file beside it."""
    path = folder / DESCRIPTION_FILE
    if not path.exists():
        raise ModelFileError(f"{folder.name}: no {DESCRIPTION_FILE}; train and export the model first")
    description: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    if sha256(folder / MODEL_FILE) != description["sha256"]:
        raise ModelFileError(f"{folder.name}: {MODEL_FILE} is not the file that {DESCRIPTION_FILE} describes")
    return description


@dataclass(frozen=True)
class Described:
    """A model that can be run, and what is said of it."""

    model: Model
    words: dict[str, Any]

    @classmethod
    def of(cls, folder: Path) -> "Described":
        """The model of a folder. Raises ModelFileError."""
        return cls(Model(folder / MODEL_FILE), read(folder))


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal; ModelFileError where there is none."""
    if not path.exists():
        raise ModelFileError(f"{path.name}: no such model file; train and export it first")
    return hashlib.sha256(path.read_bytes()).hexdigest()
