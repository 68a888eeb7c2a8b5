"""A composed film as the slide that a scanner leaves: label, overview and the 40× scan, in one .vsi."""

from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from services.simulator.composer.film import Film
from services.simulator.errors import RecipeError
from services.simulator.vsi import Stack, StackKind, write_slide

OVERVIEW_UM_PER_PX = 3.25
"""The 2x objective with the camera that gives 0.137 µm/px at 40x, binned to whole steps."""

_LABEL_SIZE = (640, 480)
_STRIP = 512


def write_film(
    film: Film, folder: Path, name: str, specimen: str, *, created: datetime | None = None, threads: int = 2
) -> Path:
    """Write `<folder>/<name>.vsi` with its pixel folder; the barcode is the specimen number. Returns the .vsi's path.

    Raises:
        RecipeError: the specimen number does not fit a label.
        OSError: the folder cannot be written.
    """
    overview, overview_um = overview_of(film)
    stacks = [
        Stack(1, "Label", StackKind.LABEL, label_of(specimen), um_per_px=25.0, magnification=None),
        Stack(10000, "Overview", StackKind.OVERVIEW, overview, um_per_px=overview_um, magnification=2.0),
        Stack(10001, "40x_BF", StackKind.MAIN, film.image, um_per_px=film.um_per_px, created=created),
    ]
    thumbnail = cv2.resize(overview, (96, 64), interpolation=cv2.INTER_AREA)
    return write_slide(
        folder, name, stacks, barcode=specimen, created=created, thumbnail=np.asarray(thumbnail), threads=threads
    )


def overview_of(film: Film) -> tuple[NDArray[np.uint8], float]:
    """The film at low magnification (H x W x 3 uint8), with its µm/px; read in strips, as films may be mapped."""
    step = max(1, round(OVERVIEW_UM_PER_PX / film.um_per_px))
    height, width = film.image.shape[:2]
    columns = max(1, width // step)
    strips = []
    for top in range(0, max(1, height // step) * step, _STRIP * step):
        rows = max(1, min(_STRIP, (height - top) // step))
        part = np.ascontiguousarray(film.image[top : top + rows * step, : columns * step])
        strips.append(cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA))
    return np.vstack(strips), step * film.um_per_px


def label_of(specimen: str) -> NDArray[np.uint8]:
    """The paper label (480 x 640 x 3 uint8): the specimen number as a QR code and in plain text.

    Raises:
        RecipeError: it is empty, longer than 32 characters, or not printable ASCII.
    """
    if not 1 <= len(specimen) <= 32 or not (specimen.isascii() and specimen.isprintable()):
        raise RecipeError("a specimen number on a label has 1 to 32 printable ASCII characters")
    width, height = _LABEL_SIZE
    paper = np.full((height, width, 3), (250, 250, 246), np.uint8)
    code = cv2.QRCodeEncoder.create().encode(specimen)
    side = code.shape[0] * (300 // code.shape[0])
    code = cv2.resize(code, (side, side), interpolation=cv2.INTER_NEAREST)
    left = (width - side) // 2
    paper[40 : 40 + side, left : left + side] = code[..., None]
    _write_centred(paper, specimen, 420)
    return paper


def _write_centred(paper: NDArray[np.uint8], text: str, baseline: int) -> None:
    (wide, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 2)
    size = min(1.4, 600 / wide)
    left = round((paper.shape[1] - wide * size) / 2)
    cv2.putText(paper, text, (left, baseline), cv2.FONT_HERSHEY_SIMPLEX, size, (20, 20, 20), 2, cv2.LINE_AA)
