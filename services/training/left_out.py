"""What a classifier makes of a class, or of a laboratory, that it was trained without.

The first says how much of an unknown class is refused instead of being taken for a known one; the second what to expect
of a laboratory that is not in the training. What was found is kept in ``left_out`` and stands in the card.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from services.training.classifier.answers import Answers, answer
from services.training.classifier.cells import Cell
from services.training.classifier.design import Design
from services.training.classifier.figures import have_name
from services.training.description import Described
from services.training.errors import TrainingError
from services.training.intervals import clopper_pearson
from services.training.manifest import Manifest
from services.training.splits import Part
from services.training.tables import share, table

RECORDS = Path(__file__).parent / "left_out"


@dataclass(frozen=True)
class LeftOut:
    """What was found of test cells: those of what was left out, and all others."""

    model: str
    kind: str
    """``class`` or ``set``."""
    name: str
    epochs: int
    seed: int
    cells: int
    named: int
    """Of the cells left out: given a name, whatever it is."""
    right: int
    """Of the cells of a set left out: their likeliest class is right; 0 of a class, which no answer can name."""
    others: int
    others_named: int
    others_right: int
    """Of the other cells: given their own name."""


def without(design: Design, kind: str, name: str) -> Design:
    """The design of a model that never meets a class or a set. Raises TrainingError for one that it does not have."""
    if kind == "set":
        return replace(design, load=lambda *given: [cell for cell in design.load(*given) if cell.source != name])
    if name not in design.classes:
        raise TrainingError(f"{design.name} has no class {name}; its classes are {', '.join(design.classes)}")
    kept = np.array([one != name for one in design.classes])

    def load(*given: object) -> list[Cell]:
        cells = design.load(*given)  # type: ignore[arg-type]
        return [replace(cell, allowed=cell.allowed[kept]) for cell in cells if not _is_only(cell, kept)]

    return replace(design, classes=tuple(one for one in design.classes if one != name), load=load)


def judge(design: Design, left: tuple[str, str], data: Path, manifests: dict[str, Manifest], folder: Path) -> LeftOut:
    """What the model in ``folder``, trained without the ``left`` class or set, makes of the test part.

    ``design`` is that of the whole. Raises TrainingError where the test part has no cell of what was left out.
    """
    kind, name = left
    described = Described.of(folder)
    kept = np.array([one in described.words["classes"] for one in design.classes])
    cells = [cell for cell in design.load(data, manifests, Part.TEST) if cell.target >= 0]
    left_out = [cell.source == name if kind == "set" else _is_only(cell, kept) for cell in cells]
    outside = [cell for cell, is_left_out in zip(cells, left_out, strict=True) if is_left_out]
    others = [cell for cell, is_left_out in zip(cells, left_out, strict=True) if not is_left_out]
    if not outside:
        raise TrainingError(f"the test part has no cell of the {kind} {name}")
    found, known = (_answers(described, part, kept, design) for part in (outside, others))
    classes = tuple(described.words["classes"])
    right = found.allowed[np.arange(len(outside)), found.probabilities.argmax(axis=1)]
    own = known.allowed[np.arange(len(others)), known.probabilities.argmax(axis=1)]
    named, others_named = (have_name(one, classes, described.words) for one in (found, known))
    origin = described.words["origin"]
    return LeftOut(
        design.name,
        kind,
        name,
        origin["epochs"],
        origin["seed"],
        len(outside),
        int(named.sum()),
        int(right.sum()),
        len(others),
        int(others_named.sum()),
        int((others_named & own).sum()),
    )


def record(found: LeftOut, folder: Path = RECORDS) -> Path:
    """Keep what was found in place of what was before of the same."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{found.model}.jsonl"
    kept = [one for one in records(found.model, folder) if (one.kind, one.name) != (found.kind, found.name)]
    lines = sorted(json.dumps(asdict(one)) for one in [*kept, found])
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def records(model: str, folder: Path = RECORDS) -> list[LeftOut]:
    """What is kept of a model, classes first."""
    path = folder / f"{model}.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return sorted((LeftOut(**json.loads(line)) for line in lines), key=lambda one: (one.kind, one.name))


def section(found: Sequence[LeftOut]) -> str:
    """The card's section; empty where nothing was left out."""
    if not found:
        return ""
    rows = [
        (
            f"{one.kind} {one.name}",
            one.epochs,
            one.cells,
            _share(one.cells - one.named, one.cells),
            _share(one.right, one.cells) if one.kind == "set" else "",
            one.others,
            _share(one.others - one.others_named, one.others),
            _share(one.others_right, one.others_named),
        )
        for one in found
    ]
    head = (
        "trained without",
        "epochs",
        "test cells of it",
        "of these without a name",
        "likeliest class right",
        "other test cells",
        "of these without a name",
        "of the named, right",
    )
    return (
        "### What was left out\n\nThe same training without a class or a set, and what it then makes of it:\n\n"
        + table(head, rows)
    )


def _answers(described: Described, cells: Sequence[Cell], kept: np.ndarray, design: Design) -> Answers:
    seen = [replace(cell, allowed=cell.allowed[kept]) for cell in cells]
    return answer(described.model, seen, lambda cell: cell.crop(design.crop))


def _is_only(cell: Cell, kept: np.ndarray) -> bool:
    """Whether no class but the one that is left out is allowed."""
    return bool(cell.allowed.any() and not cell.allowed[kept].any())


def _share(count: int, of: int) -> str:
    return share(count / of, clopper_pearson(count, of)) if of else "none"
