"""An overview of a slide for people: the scan, the parts of its film, and the fields that were chosen."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import cv2
import numpy as np

from services.ingestion.film.drawing import AreaStyle, FrameStyle, Mask, crossed, diagonal, dots, frame, letters, tint
from services.ingestion.film.film_map import FilmMap
from services.ingestion.film.legend import Entry, legend
from services.ingestion.film.stain import Pixels
from services.ingestion.film.summary import summarise
from services.ingestion.film.thickness import Part
from services.ingestion.film.thumbnail import thumbnail
from services.ingestion.slides.slide import Slide
from services.ingestion.tiles.geometry import Region

LARGEST_PX = 2000

# Hues that stay apart for colour-blind eyes (Okabe and Ito, 2008); hatch, dash and letter say the same without colour.
_PARTS = MappingProxyType(
    {
        Part.THICK: ("Thick: cells overlap", AreaStyle((213, 94, 0), 0.10, diagonal)),
        Part.MONOLAYER: ("Monolayer: cells side by side", AreaStyle((0, 158, 115), 0.12, None)),
        Part.FEATHERED: ("Feathered edge: cells apart", AreaStyle((0, 114, 178), 0.10, dots)),
    }
)
_UNREADABLE = ("Not readable: out of focus, pale, dirty or lost", AreaStyle((70, 70, 70), 0.25, crossed))

QUESTION_STYLES: Mapping[str, tuple[str, FrameStyle]] = MappingProxyType(
    {
        "leukocytes": ("Leukocytes", FrameStyle((74, 20, 140), "L", dashed=False, inset=0)),
        "erythrocytes": ("Erythrocytes", FrameStyle((176, 0, 32), "E", dashed=True, inset=3)),
        "platelets": ("Platelets", FrameStyle((0, 77, 64), "P", dashed=True, inset=6)),
        "platelet_clumps": ("Platelet clumps", FrameStyle((0, 0, 0), "C", dashed=False, inset=9)),
    }
)
"""Every question of `services.ingestion.fields` by its value."""


def overview(slide: Slide, film: FilmMap, fields: Iterable[tuple[Region, Sequence[str]]]) -> Pixels:
    """The picture (height x width x 3 RGB, at most 2000 px and its legend); fields by place and questions.

    Raises:
        SlideError: the scan cannot be read any more.
        KeyError: a question has no style here.
    """
    picture = thumbnail(slide, LARGEST_PX)
    px_per_um = picture.shape[1] / film.width_um
    entries = [*_tint_parts(picture, film)]
    counts: Counter[str] = Counter()
    for region, questions in fields:
        corner = (round(region.x_um * px_per_um), round(region.y_um * px_per_um))
        size = round((region.x_um + region.width_um) * px_per_um) - corner[0]
        styles = [QUESTION_STYLES[question][1] for question in questions]
        for style in styles:
            frame(picture, corner, size, style)
        letters(picture, corner, size, styles)
        counts.update(questions)
    entries += [Entry(name, f"{counts[key]} fields", style) for key, (name, style) in QUESTION_STYLES.items()]
    return np.vstack([picture, legend(picture.shape[1], px_per_um, entries, _facts(film))])


def png(picture: Pixels) -> bytes:
    """The picture as a PNG file."""
    return bytes(cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1])


def _tint_parts(picture: Pixels, film: FilmMap) -> Iterable[Entry]:
    unreadable = (film.covered & ~film.clean) | film.lost
    for part, (name, style) in _PARTS.items():
        where = film.parts == part
        tint(picture, _enlarged(where & ~unreadable, picture, film), style)
        yield Entry(name, f"{film.area_mm2(where):.2f} mm²", style)
    tint(picture, _enlarged(unreadable, picture, film), _UNREADABLE[1])
    yield Entry(_UNREADABLE[0], f"{film.area_mm2(unreadable):.2f} mm²", _UNREADABLE[1])


def _enlarged(where: Mask, picture: Pixels, film: FilmMap) -> Mask:
    """A mask of the map at the size of the picture."""
    px_per_cell = film.cell_um * picture.shape[1] / film.width_um
    scale = np.array([[px_per_cell, 0, 0], [0, px_per_cell, 0]], np.float64)
    size = (picture.shape[1], picture.shape[0])
    smooth = cv2.warpAffine(where * np.float32(1), scale, size, flags=cv2.INTER_LINEAR)
    return np.asarray(smooth) > 0.5


def _facts(film: FilmMap) -> list[str]:
    summary = summarise(film)
    return [
        f"{summary.nuclei:,} nucleated cells found".replace(",", " "),
        f"{100 * summary.in_focus:.0f} % of the film in focus",
        f"{summary.missing_tiles} tiles missing beside stain",
    ]
