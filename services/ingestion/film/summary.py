"""The film in figures, as the report gives them."""

from dataclasses import dataclass

import numpy as np

from services.ingestion.film.film_map import FilmMap
from services.ingestion.film.thickness import Part


@dataclass(frozen=True, slots=True)
class FilmSummary:
    """Areas in mm² of the whole film and its parts; `in_focus` is the share of the film in focus, 0–1; `nuclei` counts
    nucleated cells; `hematoxylin_od` and `eosin_od` are mean optical densities (over RGB, decadic) of a typical nucleus
    and of one layer of red cells; `pale` is the share, 0–1, of the thin parts in focus that is stained clearly
    more faintly than the rest.
    """

    covered_mm2: float
    thick_mm2: float
    monolayer_mm2: float
    feathered_mm2: float
    in_focus: float
    nuclei: int
    missing_tiles: int
    hematoxylin_od: float
    eosin_od: float
    pale: float


def summarise(film: FilmMap) -> FilmSummary:
    """The figures of a film."""
    covered, thin = film.area_mm2(film.covered), film.area_mm2(film.thin)
    return FilmSummary(
        covered_mm2=covered,
        thick_mm2=film.area_mm2(film.parts == Part.THICK),
        monolayer_mm2=film.area_mm2(film.parts == Part.MONOLAYER),
        feathered_mm2=film.area_mm2(film.parts == Part.FEATHERED),
        in_focus=film.area_mm2(film.covered & film.in_focus) / covered if covered else 0.0,
        nuclei=len(film.nuclei.probable),
        missing_tiles=film.missing_tiles,
        hematoxylin_od=float(np.mean(film.colours.nucleus)),
        eosin_od=float(np.mean(film.colours.erythrocyte)),
        pale=film.area_mm2(film.thin & (film.faint > 0)) / thin if thin else 0.0,
    )
