import numpy as np
import pytest

from services.ingestion.fields import core, sure_nuclei
from services.ingestion.film import Part
from services.ingestion.tiles import CORE_UM
from tests.unit.ingestion.film.films import drawn

FIELD = "0000-0001"
MIDDLE = (1.5 * CORE_UM, 0.5 * CORE_UM)


def film(nuclei, **more):
    """Two fields of monolayer side by side."""
    parts = np.kron(np.full((1, 2), Part.MONOLAYER, np.uint8), np.ones((16, 16), np.uint8))
    return drawn(parts, nuclei=nuclei, **more)


def test_sure_nuclei_of_a_field_are_told_by_place_and_doubtful_ones_are_not():
    found = sure_nuclei(film([(*MIDDLE, 0.95), (MIDDLE[0] + 30, MIDDLE[1], 0.85)]), core(FIELD))
    assert found == (pytest.approx(MIDDLE, abs=0.01),)


@pytest.mark.parametrize(("from_border", "told"), [(-20, False), (-1, False), (1, True)])
def test_only_nuclei_of_the_field_itself_are_told(from_border, told):
    found = sure_nuclei(film([(CORE_UM + from_border, MIDDLE[1], 1.0)]), core(FIELD))
    assert bool(found) == told
