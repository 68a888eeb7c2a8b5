"""Films that cannot be read as a whole.

UnreadableFilm     a person must look at the slide; `code` is stable, the message is for that person
├── EmptyFilm      nothing lies on the glass
├── UnstainedFilm  blood without stain
├── UnfocusedFilm  no part of the film is sharp
├── CoarseFilm     scanned with an objective too weak for single cells
└── OversizedFilm  larger than a glass slide can be: its size or pixel size is wrong
"""

from typing import ClassVar

from services.ingestion.film.estimation import STAINED_NUCLEUS_OD
from services.ingestion.film.film_map import FilmMap
from services.ingestion.film.summary import FilmSummary

LEAST_COVERED_MM2 = 0.02
"""One field of 140 µm."""

LEAST_IN_FOCUS = 0.05
"""Share of the film below which it counts as unfocused; of a film of 2 cm², 10 mm² are then still sharp."""

COARSEST_SCAN_UM_PER_PX = 0.30
"""A 20× scan has 0.274 µm/px; at 10× (0.55) granules and chromatin cannot be seen."""

PALEST_OD, PALEST_SHARP_OD = 0.02, 0.037
"""Mean over RGB of one layer of red cells, of any film and of one in focus, as blur takes density away: stained films
have 0.08 to 0.25, pale ones 0.04 on, unstained ones 0.01 to 0.03."""

LEAST_STAINED_NUCLEI = 5
"""From so many nuclei of `STAINED_NUCLEUS_OD` on a film is stained, whatever its red cells look like."""

LARGEST_FILM_MM2 = 76.0 * 52.0
"""Twice a glass slide of 76 x 26 mm (ISO 8037-1). Bounds the memory of the film map, which grows with the area."""


class UnreadableFilm(Exception):
    """The slide cannot be read; `code` names why."""

    code: ClassVar[str] = "film_unreadable"


class EmptyFilm(UnreadableFilm):
    code = "film_empty"


class UnstainedFilm(UnreadableFilm):
    code = "film_unstained"


class UnfocusedFilm(UnreadableFilm):
    code = "film_unfocused"


class CoarseFilm(UnreadableFilm):
    code = "scan_too_coarse"


class OversizedFilm(UnreadableFilm):
    code = "scan_oversized"


def require_plausible(width_um: float, height_um: float) -> None:
    """Raises OversizedFilm when no slide has such an area."""
    if width_um * height_um > LARGEST_FILM_MM2 * 1e6:
        raise OversizedFilm(
            f"The scan is {width_um / 1e3:.0f} x {height_um / 1e3:.0f} mm by its own words, larger than a slide. "
            "Check its pixel size, and scan the slide again."
        )


def require_fine(um_per_px: float) -> None:
    """Raises CoarseFilm when single cells cannot be read at this pixel size."""
    if um_per_px > COARSEST_SCAN_UM_PER_PX:
        raise CoarseFilm(
            f"The scan has {um_per_px:.3f} µm per pixel, cells need {COARSEST_SCAN_UM_PER_PX:.2f} or finer. "
            "Scan the slide again with the 20x or 40x objective."
        )


def require_readable(film: FilmMap, summary: FilmSummary) -> None:
    """Raises EmptyFilm, UnstainedFilm or UnfocusedFilm when no field of this film is worth reading."""
    if summary.covered_mm2 < LEAST_COVERED_MM2:
        raise empty(summary.covered_mm2)
    sharp = summary.in_focus >= LEAST_IN_FOCUS
    nuclei_stained = summary.nuclei >= LEAST_STAINED_NUCLEI and summary.hematoxylin_od >= STAINED_NUCLEUS_OD
    if summary.eosin_od < (PALEST_SHARP_OD if sharp else PALEST_OD) and not nuclei_stained:
        raise unstained()
    if not sharp:
        raise UnfocusedFilm(
            f"Only {100 * summary.in_focus:.0f} % of the film is in focus "
            f"({film.area_mm2(film.covered & film.in_focus):.2f} of {summary.covered_mm2:.2f} mm²). "
            "Clean the slide and scan it again."
        )


def empty(covered_mm2: float) -> EmptyFilm:
    return EmptyFilm(
        f"Blood covers {covered_mm2:.3f} mm² of the scan, less than one field. "
        "Check that the film lies within the scanned area."
    )


def unstained() -> UnstainedFilm:
    return UnstainedFilm("There is a film on the glass and no stain in it. Stain the slide and scan it again.")
