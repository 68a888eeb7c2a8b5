"""Writes a model's card: what it is for, what it was made of, and what it reaches on cells kept back."""

from collections import Counter
from pathlib import Path
from typing import Any

from services.training import description, left_out, manifest
from services.training.card_texts import SOURCES, intended_use, limits
from services.training.classifier import measure as classifier
from services.training.classifier.design import DESIGNS
from services.training.detector import measure as detector
from services.training.errors import DataSetError
from services.training.manifest import Manifest
from services.training.runtime import Model, machine
from services.training.sources import MODEL_SOURCES
from services.training.splits import Part
from services.training.tables import table

CARD_FILE = "card.md"


def write_card(name: str, data: Path, folder: Path) -> Path:
    """Measures a released model on the test part and writes ``card.md`` beside it.

    Raises:
        DataSetError: the data are not those the model was made of.
        ModelFileError: the model and its description do not agree.
    """
    described = description.read(folder)
    manifests = {source: manifest.verified(data, source) for source in MODEL_SOURCES[name]}
    digests = {source: known.content_sha256 for source, known in manifests.items()}
    if digests != described["origin"]["data"]:
        raise DataSetError(f"{name}: the model was made of other data than those of the manifests; train it anew")
    model = Model(folder / description.MODEL_FILE)
    if name == "detector":
        measured = detector.measure(data, manifests, model, described)
    else:
        measured = classifier.measure(DESIGNS[name], data, manifests, model, described, folder)
    text = "\n".join(
        [
            f"# {name} {described['version']}\n",
            intended_use(name),
            *_made(described["origin"], manifests, described["sha256"]),
            "## Figures on the test part\n",
            measured,
            *filter(None, [left_out.section(left_out.records(name))]),
            f"Measured on {machine()}, ONNX Runtime on the CPU.\n",
            limits(name),
        ]
    )
    path = folder / CARD_FILE
    path.write_text(text, "utf-8")
    return path


def _made(origin: dict[str, Any], manifests: dict[str, Manifest], digest: str) -> list[str]:
    rows = []
    for source, known in manifests.items():
        parts = Counter(part for _, part in known.parts.values())
        rows.append((source, SOURCES[source], *(parts[part] for part in Part), f"`{known.content_sha256[:16]}`"))
    head = ("set", "what", *(f"{part} pictures" for part in Part), "SHA-256 of content")
    return [
        "## How it was made\n",
        table(head, rows),
        (
            "Pictures are divided by groups of near-duplicates (`services/training/manifests`). Thresholds and "
            "calibration come from the validation part; the test part was used for this card only.\n"
        ),
        (
            f"`{origin['command']}`: seed {origin['seed']}, {origin['epochs']} epochs, {origin['seconds']} s on "
            f"{origin['machine']}. SHA-256 of the model file: `{digest}`.\n"
        ),
    ]
