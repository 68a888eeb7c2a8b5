"""`frottis slide`: what is in a scan, whether it is complete, and whether pixels were lost, as far as a look tells."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from services.ingestion import open_slide
from services.ingestion.slides.files import file_set
from services.ingestion.slides.probing import probe
from services.kit.clock import SystemClock


def describe(path: Path, um_per_px: float | None) -> Mapping[str, object]:
    """The scan's facts by name, JSON-ready. Raises SlideError: what is wrong with the scan, and what to do."""
    # A name for what was given as `.`.
    path = path.absolute()
    with open_slide(path, um_per_px=um_per_px) as slide:
        missing = file_set(path).missing
        looked_at = probe(slide, SystemClock())
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
            "places_read": looked_at.places,
            "places_damaged": looked_at.damaged,
            "damage": looked_at.first,
            "barcode": slide.barcode,
            "scanned_at": slide.scanned_at.isoformat() if slide.scanned_at else None,
            "identity": slide.identity,
        }


def is_whole(facts: Mapping[str, object]) -> bool:
    """Whether the scan is complete and no pixels were found lost."""
    return bool(facts["complete"]) and not facts["suspect_tiles"] and not facts["places_damaged"]


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
    if facts["places_damaged"]:
        yield (
            f"{facts['places_damaged']} of {facts['places_read']} places that were read cannot be decoded: "
            "copy the scan again from the scanner; if it stays so, scan the slide again"
        )
