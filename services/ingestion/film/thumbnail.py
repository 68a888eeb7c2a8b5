"""The whole slide as one small picture."""

import cv2
import numpy as np

from services.ingestion.film.stain import Pixels
from services.ingestion.slides.errors import SlideDamaged
from services.ingestion.slides.slide import Slide

_STRIP_PX = 1 << 23
"""Pixels read at once; a slide without a pyramid is read strip by strip too."""


def thumbnail(slide: Slide, most_px: int) -> Pixels:
    """The slide at most `most_px` wide and high; strips that cannot be decoded show the background.

    Raises:
        SlideError: the scan cannot be read any more.
    """
    scale = max(slide.width, slide.height) / most_px
    width, height = (max(1, round(side / max(scale, 1.0))) for side in (slide.width, slide.height))
    number = max((i for i, level in enumerate(slide.levels) if level.width >= width), default=0)
    level = slide.levels[number]
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = slide.background
    rows = max(1, int(_STRIP_PX / level.width * height / level.height))
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        start, stop = (round(row * level.height / height) for row in (top, bottom))
        try:
            strip = slide.read_region(0, start, level.width, stop - start, number)
        except SlideDamaged:
            continue
        picture[top:bottom] = cv2.resize(strip, (width, bottom - top), interpolation=cv2.INTER_AREA)
    return picture
