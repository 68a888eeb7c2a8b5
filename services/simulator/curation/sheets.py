"""Packs cut-outs into one sheet per label, with a table that says what each is and where it came from."""

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from services.simulator.composer.library import COLUMNS, TABLE
from services.simulator.curation.sources import Candidate

_SHEET_WIDTH = 1600
_QUALITY = 92


@dataclass(frozen=True)
class Chosen:
    """A cut-out (H x W x 4 uint8 RGBA) with its origin."""

    candidate: Candidate
    pixels: NDArray[np.uint8]


def write_sheets(folder: Path, chosen: Sequence[Chosen]) -> int:
    """Write `<kind>-<label>.webp` sheets and `cells.csv` into `folder`; returns the bytes written."""
    folder.mkdir(parents=True, exist_ok=True)
    by_sheet: dict[str, list[Chosen]] = defaultdict(list)
    for one in chosen:
        by_sheet[f"{one.candidate.kind}-{one.candidate.label}.webp"].append(one)
    rows: list[list[object]] = []
    for name, cells in sorted(by_sheet.items()):
        rows += _write_sheet(folder / name, cells)
    with (folder / TABLE).open("w", newline="", encoding="utf-8") as table:
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    return sum((folder / name).stat().st_size for name in [TABLE, *by_sheet])


def _write_sheet(path: Path, cells: list[Chosen]) -> list[list[object]]:
    places, height = _shelves([cell.pixels.shape for cell in cells])
    sheet = np.full((height, _SHEET_WIDTH, 4), (255, 255, 255, 0), np.uint8)
    rows: list[list[object]] = []
    for number, (cell, (x, y)) in enumerate(zip(cells, places, strict=True)):
        h, w = cell.pixels.shape[:2]
        sheet[y : y + h, x : x + w] = cell.pixels
        who = cell.candidate
        name = f"{who.label}-{number:03d}"
        rows.append([name, who.kind, who.label, path.name, x, y, w, h, who.source.name, who.file, who.x, who.y])
    coded = cv2.imencode(".webp", cv2.cvtColor(sheet, cv2.COLOR_RGBA2BGRA), [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])[1]
    path.write_bytes(coded.tobytes())
    return rows


def _shelves(shapes: Sequence[tuple[int, ...]]) -> tuple[list[tuple[int, int]], int]:
    """The top left corner of each picture, in rows as high as their highest, and the height of all rows."""
    places: list[tuple[int, int]] = []
    x = y = row = 0
    for height, width, *_ in shapes:
        if x + width > _SHEET_WIDTH:
            x, y, row = 0, y + row, 0
        places.append((x, y))
        x, row = x + width, max(row, height)
    return places, y + row
