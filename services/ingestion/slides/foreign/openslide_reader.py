"""SVS, NDPI and the other formats that OpenSlide reads."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import openslide

from services.ingestion.slides.errors import SlideDamaged
from services.ingestion.slides.foreign.facts import SlideFacts, moment, pixel_size
from services.ingestion.slides.slide import Pixels, Region


class OpenSlideReader:
    """A slide open in OpenSlide.

    Raises:
        SlideDamaged: OpenSlide cannot open it.
        SlideUnsupported: its pixel size is not known.
    """

    def __init__(self, path: Path, um_per_px: float | None) -> None:
        self._name = path.name
        try:
            self._slide = openslide.OpenSlide(path)
        except openslide.OpenSlideError as error:
            raise SlideDamaged(self._name, f"OpenSlide cannot open it ({error})") from error
        properties = self._slide.properties
        self.facts = SlideFacts(
            format=properties.get(openslide.PROPERTY_NAME_VENDOR, "openslide"),
            levels=tuple(
                (width, height, downsample)
                for (width, height), downsample in zip(
                    self._slide.level_dimensions, self._slide.level_downsamples, strict=True
                )
            ),
            um_per_px=pixel_size(
                self._name,
                _number(properties, openslide.PROPERTY_NAME_MPP_X),
                _number(properties, openslide.PROPERTY_NAME_MPP_Y),
                um_per_px,
            ),
            background=_colour(properties.get(openslide.PROPERTY_NAME_BACKGROUND_COLOR)),
            barcode=_first(properties, "aperio.Barcode", "hamamatsu.Barcode", "leica.barcode", "ventana.Barcode1D"),
            scanned_at=_scanned_at(properties),
            magnification=_number(properties, openslide.PROPERTY_NAME_OBJECTIVE_POWER),
        )

    def read(self, region: Region) -> Pixels:
        """(height, width, 3) uint8. Raises SlideDamaged."""
        downsample = self.facts.levels[region.level][2]
        place = round(region.x * downsample), round(region.y * downsample)
        try:
            image = self._slide.read_region(place, region.level, (region.width, region.height))
        except openslide.OpenSlideError as error:
            problem = f"level {region.level} at ({region.x}, {region.y}) cannot be read ({error})"
            raise SlideDamaged(self._name, problem) from error
        layers = np.asarray(image)
        opaque = layers[..., 3:].astype(np.uint16)
        background = np.array(self.facts.background, np.uint16)
        return ((layers[..., :3] * opaque + background * (255 - opaque) + 127) // 255).astype(np.uint8)


def _number(properties: Mapping[str, str], name: str) -> float | None:
    text = properties.get(name)
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _colour(text: str | None) -> tuple[int, int, int]:
    value = int(text, 16) if text else 0xFFFFFF
    return value >> 16 & 255, value >> 8 & 255, value & 255


def _first(properties: Mapping[str, str], *names: str) -> str | None:
    return next((properties[name] for name in names if properties.get(name)), None)


def _scanned_at(properties: Mapping[str, str]) -> str | None:
    aperio = f"{properties.get('aperio.Date', '')} {properties.get('aperio.Time', '')}"
    return moment(aperio, "%m/%d/%y %H:%M:%S", "%m/%d/%Y %H:%M:%S") or moment(
        _first(properties, "tiff.DateTime", "leica.creation-date", "hamamatsu.Created"),
        "%Y:%m:%d %H:%M:%S",
        "%Y-%m-%dT%H:%M:%S.%fZ",
        "%Y-%m-%dT%H:%M:%SZ",
        "%Y/%m/%d %H:%M:%S",
    )
