from collections.abc import Callable

import numpy as np
import pytest

from services.simulator.composer import Cell, CellLibrary
from services.simulator.composer.library import cell_from_rgba


@pytest.fixture(scope="session")
def demonstration() -> CellLibrary:
    return CellLibrary.load()


@pytest.fixture
def disc() -> Callable[..., Cell]:
    def make(kind: str, label: str, diameter_um: float, rgb: tuple[int, int, int] = (90, 60, 140)) -> Cell:
        radius = diameter_um / 0.137 / 2
        side = int(2 * radius) + 12
        y, x = np.mgrid[0:side, 0:side] - (side - 1) / 2
        inside = np.hypot(x, y) <= radius
        rgba = np.where(inside[..., None], (*rgb, 255), (255, 255, 255, 0)).astype(np.uint8)
        return cell_from_rgba(f"{label}-000", kind, label, rgba)

    return make
