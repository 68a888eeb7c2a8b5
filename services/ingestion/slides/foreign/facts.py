"""What a library says of the slide it opened, as it travels between the child process and the service."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Self

from services.ingestion.slides.errors import UNCALIBRATED, SlideUnsupported

_PLAUSIBLE_UM = (0.02, 20.0)


@dataclass(frozen=True)
class SlideFacts:
    """Sizes in pixels; `levels` are (width, height, downsample), finest first; `scanned_at` is ISO 8601."""

    format: str
    levels: tuple[tuple[int, int, float], ...]
    um_per_px: float
    background: tuple[int, int, int] = (255, 255, 255)
    barcode: str | None = None
    scanned_at: str | None = None
    objective: str | None = None
    magnification: float | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        red, green, blue = values["background"]
        levels = tuple((int(width), int(height), float(downsample)) for width, height, downsample in values["levels"])
        return cls(**{**values, "levels": levels, "background": (red, green, blue)})


def pixel_size(name: str, across: float | None, down: float | None, fallback: float | None) -> float:
    """The stated pixel size in µm, or the fallback where none is stated.

    Raises:
        SlideUnsupported: neither is known, or the stated size is not that of a microscope's square pixels.
    """
    if across is None or down is None:
        if fallback is not None:
            return fallback
        raise SlideUnsupported(name, "does not say how large a pixel is", UNCALIBRATED)
    low, high = _PLAUSIBLE_UM
    if not (low <= across <= high and abs(across - down) <= 0.01 * across):
        problem = f"states pixels of {across:g} x {down:g} µm, which no microscope makes"
        raise SlideUnsupported(name, problem, "Export it again with its calibration.")
    return across


def moment(text: str | None, *formats: str) -> str | None:
    """A time written in one of the formats, as ISO 8601 (UTC where no zone is given); None where it is in none."""
    for pattern in formats if text else ():
        try:
            found = datetime.strptime(str(text).strip(), pattern)  # noqa: DTZ007 (the zone is added below)
        except ValueError:
            continue
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).isoformat()
    return None
