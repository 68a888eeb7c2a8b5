"""One picture of a slide's cells by class, for a person to check at a glance."""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from services.review.crops import Crops

THUMBNAIL_PX = 96
GAP_PX = 6
HEADING_PX = 34
COLUMNS = 14
PER_CLASS = 28
ERYTHROCYTE_MARGIN_PX = 8
INK, PAPER, FAINT = (24, 28, 34), (250, 250, 248), (110, 116, 124)


@dataclass(frozen=True)
class ShownCell:
    """What the sheet needs of a cell."""

    cell_id: str
    kind: str
    label: str
    probability: float
    crop_uri: str


def contact_sheet(cells: Iterable[ShownCell], crops: Crops) -> bytes:
    """A PNG: a row of pictures for each class, its count beside its name, the least certain cells first.

    Leukocytes come first, then platelets and erythrocytes; of each class at most `PER_CLASS` cells are shown.
    """
    groups = _by_class(cells)
    heights = [HEADING_PX + _rows(group) * (THUMBNAIL_PX + GAP_PX) + GAP_PX for group in groups.values()]
    sheet = Image.new("RGB", (GAP_PX + COLUMNS * (THUMBNAIL_PX + GAP_PX), sum(heights) + GAP_PX), PAPER)
    top = GAP_PX
    for (kind, label), group in groups.items():
        _draw_heading(sheet, top, kind, label, group)
        _draw_cells(sheet, top + HEADING_PX, group[:PER_CLASS], crops)
        top += heights.pop(0)
    content = io.BytesIO()
    sheet.save(content, "PNG", optimize=True)
    return content.getvalue()


def _by_class(cells: Iterable[ShownCell]) -> Mapping[tuple[str, str], Sequence[ShownCell]]:
    groups: dict[tuple[str, str], list[ShownCell]] = {}
    for cell in cells:
        groups.setdefault((cell.kind, cell.label), []).append(cell)
    kinds = {"leukocyte": 0, "platelet": 1, "erythrocyte": 2}
    order = sorted(groups, key=lambda key: (kinds[key[0]], -len(groups[key]), key[1]))
    return {key: sorted(groups[key], key=lambda cell: (cell.probability, cell.cell_id)) for key in order}


def _rows(group: Sequence[ShownCell]) -> int:
    return -(-min(len(group), PER_CLASS) // COLUMNS)


def _draw_heading(sheet: Image.Image, top: int, kind: str, label: str, group: Sequence[ShownCell]) -> None:
    draw = ImageDraw.Draw(sheet)
    title = f"{label.replace('_', ' ')}" if label != kind else f"{kind}s"
    draw.text((GAP_PX, top + 4), title, INK, ImageFont.load_default(20))
    note = f"{kind} · {len(group)} cells" + (f", the {PER_CLASS} least certain" if len(group) > PER_CLASS else "")
    draw.text((GAP_PX + 320, top + 8), note, FAINT, ImageFont.load_default(15))


def _draw_cells(sheet: Image.Image, top: int, group: Sequence[ShownCell], crops: Crops) -> None:
    draw = ImageDraw.Draw(sheet)
    for number, cell in enumerate(group):
        row, column = divmod(number, COLUMNS)
        left, upper = GAP_PX + column * (THUMBNAIL_PX + GAP_PX), top + row * (THUMBNAIL_PX + GAP_PX)
        sheet.paste(_thumbnail(crops.show(cell.crop_uri, ERYTHROCYTE_MARGIN_PX)), (left, upper))
        if cell.probability > 0:
            text = f"{cell.probability:.2f}"
            draw.text((left + 3, upper + THUMBNAIL_PX - 15), text, INK, ImageFont.load_default(12))


def _thumbnail(picture: np.ndarray) -> Image.Image:
    """The picture fitted into a square, on paper."""
    shown = Image.fromarray(picture)
    shown.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.LANCZOS)
    square = Image.new("RGB", (THUMBNAIL_PX, THUMBNAIL_PX), PAPER)
    square.paste(shown, ((THUMBNAIL_PX - shown.width) // 2, (THUMBNAIL_PX - shown.height) // 2))
    return square
