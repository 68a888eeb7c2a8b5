"""How far the detector's figures fall with each change of the picture, for its card."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import cv2
import numpy as np

from services.training.classes import KINDS
from services.training.detector.crops import LoadedField
from services.training.detector.evaluation import figures, score
from services.training.runtime import Model
from services.training.stress import STRESSES, TURNED, Stress
from services.training.tables import share, table

_FIELDS = 40
"""Fields of a set that the figures are of."""


def robustness_section(
    by_source: Mapping[str, Sequence[LoadedField]], model: Model, thresholds: Mapping[str, float], seed: int
) -> str:
    """A line for each change, a column for each set and kind."""
    rng = np.random.default_rng(seed)
    some = {
        source: [fields[int(index)] for index in rng.permutation(len(fields))[:_FIELDS]]
        for source, fields in by_source.items()
    }
    rows = []
    for stress in (stress for stress in STRESSES if stress is not TURNED):
        values: list[str] = []
        for fields in some.values():
            scored = score([changed(field, stress) for field in fields], lambda tiles: model(tiles)[0])
            values += [share(figures(scored[kind], thresholds[kind]).f1) for kind in KINDS]
        rows.append((stress.what, stress.how, *values))
    labelled = {(source, kind): _labelled(fields, kind) for source, fields in some.items() for kind in KINDS}
    head = ("what", "how", *(f"{source}, {kind}: {count} cells" for (source, kind), count in labelled.items()))
    explained = f"F1 on up to {_FIELDS} test fields of each set, each changed in one thing.\n"
    return "\n".join(["### Robustness\n", explained, table(head, rows)])


def changed(field: LoadedField, stress: Stress) -> LoadedField:
    """The field under a stress that moves no cell but by its zoom."""
    image = stress.change(field.image)
    if stress.zoom == 1:
        return replace(field, image=image)
    larger = cv2.resize(image, None, fx=stress.zoom, fy=stress.zoom, interpolation=cv2.INTER_LINEAR)
    return replace(field, image=np.asarray(larger, np.uint8), corners=field.corners * np.float32(stress.zoom))


def _labelled(fields: Sequence[LoadedField], kind: str) -> int:
    return sum(int((field.kinds == KINDS.index(kind)).sum()) for field in fields)
