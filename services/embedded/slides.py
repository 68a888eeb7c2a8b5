"""`frottis slide`: what is in a scan, and whether it is complete."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from services.ingestion import open_slide
from services.ingestion.slides.files import file_set


def describe(path: Path, um_per_px: float | None) -> Mapping[str, object]:
    """The scan's facts by name, JSON-ready. Raises SlideError: what is wrong with the scan, and what to do."""
    # A name for what was given as `.`.
    path = path.absolute()
    with open_slide(path, um_per_px=um_per_px) as slide:
        missing = file_set(path).missing
        return {
            "file": path.name,
            "format": slide.format,
            "complete": not missing,
            "missing": missing,
            "width_px": slide.width,
            "height_px": slide.height,
            "um_per_px": slide.um_per_px,
            "levels": [[level.width, level.height, level.downsample] for level in slide.levels],
            "objective": slide.objective,
            "magnification": slide.magnification,
            "planes": slide.planes,
            "missing_tiles": slide.missing_tiles,
            "suspect_tiles": slide.suspect_tiles,
            "barcode": slide.barcode,
            "scanned_at": slide.scanned_at.isoformat() if slide.scanned_at else None,
            "identity": slide.identity,
        }


def lines(facts: Mapping[str, object]) -> Iterator[str]:
    """The facts for people, one a line."""
    for name, value in facts.items():
        told = ", ".join(map(str, value)) if isinstance(value, list) else "–" if value is None else value
        yield f"{name:>16}  {told}"
    if facts["suspect_tiles"]:
        yield (
            f"{facts['suspect_tiles']} tiles are not stored although the scan's coarser picture shows stain there: "
            "cells may be lost; scan the slide again"
        )
