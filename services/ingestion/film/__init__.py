"""The film map: what lies where on a slide, from one pass over a coarse level."""

from services.ingestion.film.film_map import FilmMap
from services.ingestion.film.nuclei import Nuclei
from services.ingestion.film.summary import FilmSummary, summarise
from services.ingestion.film.survey import map_film
from services.ingestion.film.thickness import Part
from services.ingestion.film.verdict import UnreadableFilm

__all__ = ["FilmMap", "FilmSummary", "Nuclei", "Part", "UnreadableFilm", "map_film", "summarise"]
