"""The cut-out cells of the trials: of test pictures alone, and more kinds of them than may be committed."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from services.simulator.composer import CANONICAL_UM_PER_PX, CellLibrary
from services.simulator.composer.library import TABLE
from services.simulator.curation.glass import transmittance
from services.simulator.curation.parts import Parts
from services.simulator.curation.selection import select
from services.simulator.curation.sheets import Chosen, write_sheets
from services.simulator.curation.sources import CHULA, PBC, Candidate, Source, centred_cells, picture, pointed_cells
from services.training.classes import ERYTHROCYTES, LEUKOCYTES, PLASMODIUM
from services.training.classifier.nuclei import find_nuclei
from services.training.manifest import MANIFESTS

INFECTED = PLASMODIUM[1:]
# Those that the sets show in the middle of a picture, or at a point of a field.
_CENTRED = tuple(name for name in LEUKOCYTES if name != "blast")
_POINTED = tuple(name for name in ERYTHROCYTES if name != "sickle")
_OF_A_LEUKOCYTE, _OF_AN_ERYTHROCYTE, _OF_A_BLAST = 120, 120, 120
_IML = Source("iml_malaria", 0.092, light_order=2)
# By its red cells, at 7.5 µm.
_TALEQANI = Source("all_taleqani", 0.39, light_order=1)
_BLASTS = frozenset({"all_early", "all_pre", "all_pro"})
_BLAST_UM = 15.0
# Median optical density (natural logarithm, RGB) of the red cells of composed films; see `curation.cutting`.
_RED_CELL = np.array([0.16, 0.31, 0.185], np.float32)
_SOFT = 0.12
# A blast that stands alone: glass from this part of its radius on, but for so many per cent, and its chromatin seen.
_RIM, _GLASS, _DIRT, _SHARP = 0.86, 190, 20, 3.0


def library(data: Path, folder: Path) -> CellLibrary:
    """The cells, cut out of `data` at the first call and kept in `folder`. Raises SourceError."""
    if not (folder / TABLE).exists():
        write_sheets(folder, _cut(data))
    return CellLibrary.load(folder)


def _cut(data: Path) -> list[Chosen]:
    parts = Parts(data, MANIFESTS)
    quota = dict.fromkeys(_CENTRED, _OF_A_LEUKOCYTE) | dict.fromkeys(_POINTED, _OF_AN_ERYTHROCYTE)
    candidates = chain(centred_cells(data, PBC, frozenset(_CENTRED)), pointed_cells(data, CHULA))
    return [*select(data, candidates, quota, parts), *_infected(data, parts), *_blasts(data, parts)]


def _infected(data: Path, parts: Parts) -> Iterator[Chosen]:
    """Red cells with parasites: what lies in the ellipse of their box, in the density of the film's red cells."""
    for file, boxes in _boxes(data / _IML.name).items():
        infected = [(label, box) for label, box in boxes if label in INFECTED]
        if not infected or not parts.holds((_IML.name, file)):
            continue
        light = transmittance(picture(data, _IML, file), _IML.light_order)
        healthy = [_middle_density(light, box) for label, box in boxes if label == "rbc"]
        if not healthy:
            continue
        gain = np.clip(_RED_CELL / np.maximum(np.median(healthy, axis=0), 0.02), 0.4, 2.6)
        for label, box in infected:
            pixels = _ellipse(np.exp(np.log(light) * gain), box, _IML.um_per_px)
            if pixels is not None:
                x, y, width, height = box
                yield Chosen(Candidate(_IML, file, "erythrocyte", label, x + width / 2, y + height / 2), pixels)


def _blasts(data: Path, parts: Parts) -> Iterator[Chosen]:
    """Lymphoblasts: what lies around the largest nuclei of pictures that are labelled as of leukaemia."""
    cut = 0
    for row in (data / _TALEQANI.name / "labels.csv").read_text("utf-8").splitlines()[1:]:
        file, label = row.split(",")[:2]
        if label not in _BLASTS or cut >= _OF_A_BLAST or not parts.holds((_TALEQANI.name, file)):
            continue
        pixels = picture(data, _TALEQANI, file)
        light = transmittance(pixels, _TALEQANI.light_order)
        side = _BLAST_UM / _TALEQANI.um_per_px
        for x, y in find_nuclei(pixels):
            found = _ellipse(light, (x - side / 2, y - side / 2, side, side), _TALEQANI.um_per_px)
            if found is not None and _stands_alone(found):
                cut += 1
                yield Chosen(Candidate(_TALEQANI, file, "leukocyte", "blast", x, y), found)
                break


def _stands_alone(pixels: NDArray[np.uint8]) -> bool:
    """Glass around it, and in focus."""
    height, width = pixels.shape[:2]
    across, down = np.linspace(-1, 1, width), np.linspace(-1, 1, height)
    from_middle = np.sqrt(across[None] ** 2 + down[:, None] ** 2)
    rim = pixels[(from_middle > _RIM) & (from_middle < 1), 1]
    fine = cv2.Laplacian(pixels[..., 1].astype(np.float32), cv2.CV_32F)[from_middle < _RIM].std()
    return bool(np.percentile(rim, _DIRT) > _GLASS and fine > _SHARP)


def _ellipse(light: NDArray[np.float32], box: tuple[float, ...], um_per_px: float) -> NDArray[np.uint8] | None:
    """RGBA at the films' resolution, soft at the rim; None where the box leaves the picture."""
    x, y, width, height = box
    left, top, right, bottom = round(x), round(y), round(x + width), round(y + height)
    if left < 0 or top < 0 or right > light.shape[1] or bottom > light.shape[0] or min(right - left, bottom - top) < 8:
        return None
    window = light[top:bottom, left:right]
    across, down = (np.linspace(-1, 1, size) for size in window.shape[1::-1])
    from_middle = np.sqrt(across[None] ** 2 + down[:, None] ** 2)
    alpha = np.clip((1 - from_middle) / _SOFT, 0, 1)
    rgba = np.dstack([window, alpha]).astype(np.float32) * 255
    size = tuple(round(side * um_per_px / CANONICAL_UM_PER_PX) for side in window.shape[1::-1])
    kernel = cv2.INTER_AREA if um_per_px < CANONICAL_UM_PER_PX else cv2.INTER_CUBIC
    return np.asarray(np.clip(cv2.resize(rgba, size, interpolation=kernel), 0, 255), np.uint8)


def _middle_density(light: NDArray[np.float32], box: tuple[float, ...]) -> NDArray[np.float32]:
    x, y, width, height = map(int, box)
    inner = light[y + height // 4 : y + 3 * height // 4 + 1, x + width // 4 : x + 3 * width // 4 + 1]
    return np.asarray(np.median(-np.log(inner).reshape(-1, 3), axis=0), np.float32)


def _boxes(folder: Path) -> Mapping[str, list[tuple[str, tuple[float, ...]]]]:
    table = json.loads((folder / "labels.json").read_text("utf-8"))
    names = {category["id"]: category["name"] for category in table["categories"]}
    files = {image["id"]: image["file_name"] for image in table["images"]}
    boxes: dict[str, list[tuple[str, tuple[float, ...]]]] = defaultdict(list)
    for label in table["annotations"]:
        boxes[files[label["image_id"]]].append((names[label["category_id"]], tuple(label["bbox"])))
    return boxes
