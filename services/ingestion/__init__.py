"""Takes in scans from the share: admission, reading slides, quality, choice of fields, tiling."""

from services.ingestion.slides.errors import (
    RegionRefused,
    SlideClosed,
    SlideDamaged,
    SlideError,
    SlideIncomplete,
    SlideUnreachable,
    SlideUnsupported,
)
from services.ingestion.slides.opening import open_slide
from services.ingestion.slides.slide import Level, Slide

__all__ = [
    "Level",
    "RegionRefused",
    "Slide",
    "SlideClosed",
    "SlideDamaged",
    "SlideError",
    "SlideIncomplete",
    "SlideUnreachable",
    "SlideUnsupported",
    "open_slide",
]
