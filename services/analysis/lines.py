"""The lines that `frottis analyse` writes: one JSON object for each cell."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from services.analysis.cells import PLATELET, Box, Cell, Kind
from services.analysis.errors import ResultUnwritable

_PLACES_PX = 2
_PLACES_PROBABILITY = 6
_PLACES_MEASURED = 3


@dataclass(frozen=True)
class CellLine:
    """One cell of one image; `x`, `y` is its centre, `w`, `h` its box, in pixels of that image.

    `probabilities` are calibrated and by class; of a platelet, which no classifier has seen, it is the detector's alone
    and equal to `score`: that it is one. `candidates` is the conformal set, `findings` are calibrated probabilities by
    name: `plasmodium` of every red cell, and the stages of those probably infected. `measured` is size and shape of a
    red cell that stands alone, by name with its unit. `attributes` are the calibrated probabilities of each
    morphological attribute's values, of leukocytes of the classes that the model describes.
    """

    image: str
    kind: str
    x: float
    y: float
    w: float
    h: float
    score: float
    label: str
    probabilities: dict[str, float]
    candidates: tuple[str, ...]
    findings: dict[str, float]
    measured: dict[str, float]
    attributes: dict[str, dict[str, float]]

    def to_json(self) -> str:
        """The line, without its end."""
        return json.dumps(asdict(self), ensure_ascii=False)


def line_of(image: str, cell: Cell, box: Box, classes: dict[Kind, tuple[str, ...]]) -> CellLine:
    """The line of a cell whose box in the image is `box`."""
    kind = cell.detection.kind
    x, y = box.centre
    named = dict(zip(classes.get(kind, ()), cell.verdict.probabilities, strict=True))
    if cell.verdict is PLATELET:
        named = {PLATELET.label: cell.detection.score}
    return CellLine(
        image=image,
        kind=str(kind),
        x=round(x, _PLACES_PX),
        y=round(y, _PLACES_PX),
        w=round(box.width, _PLACES_PX),
        h=round(box.height, _PLACES_PX),
        score=round(cell.detection.score, _PLACES_PROBABILITY),
        label=cell.verdict.label,
        probabilities=_rounded(named),
        candidates=cell.verdict.candidates,
        findings=_rounded(cell.findings.by_name),
        measured={name: round(value, _PLACES_MEASURED) for name, value in _measured(cell).items()},
        attributes={name: _rounded(values) for name, values in cell.verdict.attributes.items()},
    )


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, _PLACES_PROBABILITY) for name, value in values.items()}


def _measured(cell: Cell) -> dict[str, float]:
    return asdict(cell.measured) if cell.measured is not None else {}


def part_of(path: Path) -> Path:
    """Where the lines of a result at `path` are written until all are there."""
    target = Path(os.path.realpath(path))
    return target.with_name(f"{target.name}.part")


def write_lines(lines: Iterable[CellLine], path: Path) -> int:
    """Write lines as they come to `<path>.part`, and name it `path` once all are there; returns how many.

    When anything fails, what lay at `path` before stays as it was, and nothing else is left. A pipe or a device is
    written directly.

    Raises ResultUnwritable, and what the lines raise.
    """
    with _writing(path):
        target = path.resolve()
        if target.exists() and not target.is_file():
            return _write(lines, target)
    part = part_of(target)
    try:
        written = _write(lines, part)
        with _writing(path):
            part.replace(target)
    finally:
        with _writing(path):
            part.unlink(missing_ok=True)
    return written


def _write(lines: Iterable[CellLine], path: Path) -> int:
    written = 0
    with _writing(path):
        file = path.open("w", encoding="utf-8")
    try:
        for line in lines:
            with _writing(path):
                file.write(line.to_json() + "\n")
            written += 1
    finally:
        with _writing(path):
            file.close()
    return written


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ResultUnwritable(f"{path} cannot be written ({error.strerror}): choose another place for it") from error
