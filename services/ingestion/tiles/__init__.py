"""Tiles: fields of the film as JPEG pictures at one resolution."""

from services.ingestion.tiles.cutting import TileImage, Unreadable, cut, cut_all
from services.ingestion.tiles.geometry import CANONICAL_UM_PER_PX, CORE_UM, MARGIN_PX, TILE_PX, Region

__all__ = [
    "CANONICAL_UM_PER_PX",
    "CORE_UM",
    "MARGIN_PX",
    "TILE_PX",
    "Region",
    "TileImage",
    "Unreadable",
    "cut",
    "cut_all",
]
