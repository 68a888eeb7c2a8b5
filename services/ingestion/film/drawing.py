"""Marks that stay readable on a pink film and without colour: hatches, outlined frames, text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from services.ingestion.film.stain import Pixels

Rgb = tuple[int, int, int]
Mask = NDArray[np.bool_]

INK: Rgb = (38, 38, 46)
PAPER: Rgb = (255, 255, 255)

Hatch = Callable[[NDArray[np.intp], NDArray[np.intp]], Mask]
"""Whether the pixel at (y, x) is on a line of the hatch."""


@dataclass(frozen=True, slots=True)
class AreaStyle:
    """How an area is marked: tinted by `strength` (0–1), with a hatch of the same colour, and outlined."""

    colour: Rgb
    strength: float
    hatch: Hatch | None


@dataclass(frozen=True, slots=True)
class FrameStyle:
    """How a field is framed: the letter at its corner, solid or dashed, and how far inside its edge (px)."""

    colour: Rgb
    letter: str
    dashed: bool
    inset: int


@dataclass(frozen=True, slots=True)
class Type:
    """How words are set: height in px, colour, and weight (400 regular, 700 bold)."""

    size: int
    colour: Rgb = INK
    weight: int = 400


def diagonal(y: NDArray[np.intp], x: NDArray[np.intp]) -> Mask:
    return np.asarray((x + y) % 12 < 2)


def dots(y: NDArray[np.intp], x: NDArray[np.intp]) -> Mask:
    return np.asarray(((x % 10) < 2) & ((y % 10) < 2))


def crossed(y: NDArray[np.intp], x: NDArray[np.intp]) -> Mask:
    return np.asarray(((x + y) % 10 < 1) | ((x - y) % 10 < 1))


def tint(picture: Pixels, area: Mask, style: AreaStyle) -> None:
    """Mark the pixels of `area` (a mask of the picture's size), in place."""
    y, x = np.nonzero(area)
    _blend(picture, y, x, style.colour, style.strength)
    if style.hatch is not None:
        on_line = style.hatch(y, x)
        _blend(picture, y[on_line], x[on_line], style.colour, 0.55)
    outlines, _ = cv2.findContours(area.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(picture, outlines, -1, style.colour, 1, cv2.LINE_AA)


def frame(picture: Pixels, corner: tuple[int, int], size: int, style: FrameStyle) -> None:
    """Frame a square field (corner x, y and side in px) over a pale rim."""
    inset = min(style.inset, size // 7)
    x, y = (place + inset for place in corner)
    side = max(3, size - 2 * inset)
    cv2.rectangle(picture, (x, y), (x + side, y + side), PAPER, 3, cv2.LINE_AA)
    if style.dashed:
        _dashed(picture, x, y, side, style.colour)
    else:
        cv2.rectangle(picture, (x, y), (x + side, y + side), style.colour, 1, cv2.LINE_AA)


def letters(picture: Pixels, corner: tuple[int, int], size: int, styles: Sequence[FrameStyle]) -> None:
    """The letters of a framed field side by side on a pale tab at its corner, where there is room for all of them."""
    inset = max(style.inset for style in styles) + 2
    x, y = corner[0] + inset, corner[1] + inset
    width, height = 11 * len(styles), 15
    if size < max(26, width + 2 * inset):
        return
    cv2.rectangle(picture, (x, y), (x + width, y + height), PAPER, cv2.FILLED)
    for style in styles:
        write(picture, style.letter, (x + 2, y + 1), Type(11, style.colour, 800))
        x += 11


def write(picture: Pixels, words: str, corner: tuple[int, int], how: Type) -> int:
    """Write words with their top left corner at (x, y); returns the x where they end."""
    baseline = (corner[0], corner[1] + how.size)
    end, _ = cv2.putText(picture, words, baseline, how.colour, cv2.FontFace("sans"), how.size, how.weight)
    return int(end[0])


def _dashed(picture: Pixels, x: int, y: int, side: int, colour: Rgb) -> None:
    dash = 4
    for start in range(0, side, 2 * dash):
        stop = min(start + dash, side)
        for one, other in (
            ((x + start, y), (x + stop, y)),
            ((x + start, y + side), (x + stop, y + side)),
            ((x, y + start), (x, y + stop)),
            ((x + side, y + start), (x + side, y + stop)),
        ):
            cv2.line(picture, one, other, colour, 1)


def _blend(picture: Pixels, y: NDArray[np.intp], x: NDArray[np.intp], colour: Rgb, strength: float) -> None:
    mixed = picture[y, x] * (1 - strength) + np.array(colour) * strength
    picture[y, x] = np.rint(mixed).astype(np.uint8)
