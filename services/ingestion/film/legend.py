"""The legend under the overview: parts of the film, questions of the fields, scale and figures."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from services.ingestion.film.drawing import INK, AreaStyle, FrameStyle, Type, frame, letters, tint, write
from services.ingestion.film.stain import Pixels

_LINE = 30
_MARGIN = 24
_TEXT = 16
_NARROWEST = 1180
_SCALES_UM = (50, 100, 200, 500, 1000, 2000, 5000, 10000)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: what the mark stands for, and how much of it there is."""

    name: str
    amount: str
    style: AreaStyle | FrameStyle


def legend(width: int, px_per_um: float, entries: Sequence[Entry], facts: Sequence[str]) -> Pixels:
    """The legend (height x width x 3); on a narrow picture its columns stand one under the other."""
    areas = [entry for entry in entries if isinstance(entry.style, AreaStyle)]
    frames = [entry for entry in entries if isinstance(entry.style, FrameStyle)]
    columns = 3 if width >= _NARROWEST else 1
    lines = [len(areas) + 1, len(frames) + 1, len(facts) + 2]
    height = 2 * _MARGIN + _LINE * (max(lines) if columns == 3 else sum(lines))
    panel = np.full((height, width, 3), 255, np.uint8)
    cv2.line(panel, (0, 0), (width, 0), (200, 200, 205), 2)
    corners = _corners(width, columns, lines)
    _column(panel, corners[0], "Parts of the film", areas)
    _column(panel, corners[1], "Fields chosen, by question", frames)
    _figures(panel, corners[2], px_per_um, facts)
    return panel


def _corners(width: int, columns: int, lines: Sequence[int]) -> list[tuple[int, int]]:
    if columns == 3:
        return [(_MARGIN + round(width * share), _MARGIN) for share in (0, 0.42, 0.70)]
    tops = np.cumsum([0, *lines[:-1]]) * _LINE + _MARGIN
    return [(_MARGIN, int(top)) for top in tops]


def _column(panel: Pixels, corner: tuple[int, int], title: str, entries: Sequence[Entry]) -> None:
    x, y = corner
    write(panel, title, (x, y), Type(_TEXT + 1, weight=700))
    for line, entry in enumerate(entries, 1):
        top = y + line * _LINE
        if isinstance(entry.style, AreaStyle):
            _swatch(panel, (x, top - 1), entry.style)
        else:
            style = replace(entry.style, inset=0)
            frame(panel, (x + 12, top - 5), 26, style)
            letters(panel, (x + 12, top - 5), 26, [style])
        end = write(panel, entry.name, (x + 58, top), Type(_TEXT))
        write(panel, entry.amount, (end + 12, top), Type(_TEXT, (95, 95, 105), 600))


def _swatch(panel: Pixels, corner: tuple[int, int], style: AreaStyle) -> None:
    area = np.zeros(panel.shape[:2], bool)
    area[corner[1] : corner[1] + 20, corner[0] : corner[0] + 46] = True
    tint(panel, area, style)


def _figures(panel: Pixels, corner: tuple[int, int], px_per_um: float, facts: Sequence[str]) -> None:
    x, y = corner
    length_um = max((each for each in _SCALES_UM if each * px_per_um <= 260), default=_SCALES_UM[0])
    length = round(length_um * px_per_um)
    cv2.rectangle(panel, (x, y + 6), (x + length, y + 12), INK, cv2.FILLED)
    words = f"{length_um // 1000} mm" if length_um >= 1000 else f"{length_um} µm"
    write(panel, words, (x + length + 12, y), Type(_TEXT, weight=700))
    for line, fact in enumerate(facts, 1):
        write(panel, fact, (x, y + line * _LINE), Type(_TEXT))
