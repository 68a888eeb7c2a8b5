"""Reads the labelled data sets as they lie in the data folder; nothing here resamples or chooses.

Each set's µm/px is that of its documentation, estimated from the median red cell at 7.5 µm.
"""

import csv
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from services.analysis.pixels import Rgb
from services.training.errors import DataSetError

DETECTION_SOURCES = ("deepbionet", "txl_pbc", "iml_malaria")
READ_SOURCES = ("deepbionet", "txl_pbc")
"""The sets whose leukocytes have classes by reading alone (`readings`)."""
CROP_SOURCES = {"pbc": 0.10}
"""The sets of single leukocytes, each in the middle of its picture, with ``labels.csv`` naming its class: µm/px.

Pictures of a new class are such a set."""
MODEL_SOURCES = {
    "detector": DETECTION_SOURCES,
    "leukocytes": (*CROP_SOURCES, "all_taleqani", *READ_SOURCES),
    "erythrocytes": ("chula_rbc12", "erythrocytes_idb", *DETECTION_SOURCES),
    "plasmodium": ("iml_malaria", "deepbionet", "txl_pbc", "chula_rbc12", "pbc"),
}
"""The data sets each model is made of."""
ALL_SOURCES = tuple(dict.fromkeys(source for sources in MODEL_SOURCES.values() for source in sources))

_TXL_UM_PER_PX = {(575, 575): 0.055, (360, 363): 0.095, (366, 369): 0.095, (640, 480): 0.073, (416, 416): 0.092}
_UM_PER_PX = {"deepbionet": 0.132, "iml_malaria": 0.092}
CHULA_UM_PER_PX = (0.10, 0.192)
"""As documented, and as its burned-in bars measure (8 µm are 42 px); cells are trained at both, so that a picture
whose scale is given as either is read."""
ERYTHROCYTES_IDB_UM_PER_PX = (0.10, 0.137, 0.163)
"""Not documented; by its round cells, at 7.5 µm, the last. What a reader may guess is trained as well."""
TALEQANI_UM_PER_PX = (0.2, 0.39)
"""As documented, and as its red cells measure (19 px wide); which it is is unknown, so the range is trained."""

_KIND_OF = {
    "rbc": "erythrocyte",
    "wbc": "leukocyte",
    "platelet": "platelet",
    "ring": "erythrocyte",
    "trophozoite": "erythrocyte",
    "schizont": "erythrocyte",
    "gametocyte": "erythrocyte",
    "difficult": "erythrocyte",
}


@dataclass(frozen=True)
class Box:
    """A labelled cell of a field; pixels of the field's image."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    label: str = ""
    """As the data set names it."""


@dataclass(frozen=True)
class Field:
    """A field of a smear with its labelled cells."""

    source: str
    path: Path
    um_per_px: float
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class LabelledImage:
    """A picture with one label for the whole of it."""

    source: str
    path: Path
    label: str


@dataclass(frozen=True)
class LabelledPoint:
    """A cell by its centre, in pixels of its field's image."""

    x: float
    y: float
    label: str


def read_image(path: Path) -> Rgb:
    """The picture as RGB. Raises DataSetError where it cannot be decoded."""
    try:
        coded = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise DataSetError(f"{path.name}: cannot be read ({error.strerror}); check the data folder") from error
    picture = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    if picture is None:
        raise DataSetError(f"{path.name}: not a picture that can be decoded; fetch the data set again")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def image_paths(data: Path, source: str) -> list[Path]:
    """All pictures of a set, in a fixed order."""
    paths = sorted((data / source / "images").rglob("*.webp"))
    if not paths:
        raise DataSetError(f"{source}: no pictures under the data folder; give the folder of the sets with --data")
    return paths


def detection_fields(data: Path, source: str) -> list[Field]:
    """The fields of a set with boxes, sorted by file name."""
    return _fields(data / source, lambda image: _um_per_px(source, image))


def fields_of(folder: Path, um_per_px: float) -> list[Field]:
    """The fields of any folder with a ``labels.json`` (COCO), all taken at one resolution, sorted by file name."""
    return _fields(folder, lambda _: um_per_px)


def labelled_images(data: Path, source: str) -> list[LabelledImage]:
    """The pictures of a set with one label each, sorted by file name."""
    rows = _rows(data / source / "labels.csv")
    return sorted((LabelledImage(source, data / source / row["file"], row["label"]) for row in rows), key=_by_path)


def attributes(data: Path, source: str) -> dict[Path, dict[str, str]]:
    """What is told of the cells of a set, by picture: attribute → value; empty of a set that tells none."""
    path = data / source / "attributes.csv"
    rows = _rows(path) if path.exists() else []
    return {data / source / row["file"]: {name: row[name] for name in row if name != "file"} for row in rows}


def labelled_points(data: Path, source: str) -> dict[Path, list[LabelledPoint]]:
    """The labelled centres of a set, by picture."""
    points: dict[Path, list[LabelledPoint]] = defaultdict(list)
    for row in _rows(data / source / "points.csv"):
        points[data / source / row["file"]].append(LabelledPoint(float(row["x"]), float(row["y"]), row["label"]))
    return dict(sorted(points.items()))


def _fields(folder: Path, resolution: Callable[[dict[str, Any]], float]) -> list[Field]:
    table = _coco(folder / "labels.json")
    categories = {category["id"]: category["name"] for category in table["categories"]}
    if strange := set(categories.values()) - set(_KIND_OF):
        raise DataSetError(
            f"{folder.name}: labels.json has {', '.join(sorted(strange))}; known are {', '.join(_KIND_OF)}"
        )
    boxes: dict[int, list[Box]] = defaultdict(list)
    for label in table["annotations"]:
        boxes[label["image_id"]].append(_box(label["bbox"], categories[label["category_id"]]))
    fields = [
        Field(folder.name, folder / image["file_name"], resolution(image), tuple(boxes[image["id"]]))
        for image in table["images"]
    ]
    return sorted(fields, key=lambda field: field.path.name)


def _box(corner_and_size: list[float], label: str) -> Box:
    x, y, width, height = corner_and_size
    return Box(x, y, width, height, _KIND_OF[label], label)


def _um_per_px(source: str, image: dict[str, Any]) -> float:
    if source != "txl_pbc":
        return _UM_PER_PX[source]
    size = (image["width"], image["height"])
    if size not in _TXL_UM_PER_PX:
        raise DataSetError(f"txl_pbc: {image['file_name']} is {size}, a size whose resolution is not known")
    return _TXL_UM_PER_PX[size]


def _by_path(image: LabelledImage) -> str:
    return str(image.path)


def _coco(path: Path) -> dict[str, Any]:
    try:
        table: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataSetError(f"{path.parent.name}: labels.json cannot be read; check the data folder") from error
    return table


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise DataSetError(f"{path.parent.name}: {path.name} cannot be read; check the data folder") from error
