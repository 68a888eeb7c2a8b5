"""The simulated hospital, at a pace for tests."""

from dataclasses import replace

import numpy as np
import pytest

from services.simulator.composer import Recipe, compose_film
from services.simulator.slide import write_film
from tests.e2e.hospital import opened

# The smallest film that still has 100 leukocytes to spare on its fields, and so percentages to release.
SMALLEST_FILM = Recipe(
    width_px=3600,
    height_px=2400,
    seed=5,
    differential={"neutrophil_segmented": 84, "lymphocyte": 48, "monocyte": 10, "eosinophil": 6, "basophil": 2},
    platelets=60,
    clumps=0,
)


@pytest.fixture
def hospital(tmp_path):
    """A hospital of the test's own, where Frottis does not run yet."""
    with opened(tmp_path) as hospital:
        yield hospital


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    """A hospital where Frottis runs, for tests that keep to specimens of their own."""
    with opened(tmp_path_factory.mktemp("ward")) as hospital, hospital.running():
        yield hospital


@pytest.fixture(scope="session")
def films():
    """A film, and its mirror image: what another scan of the specimen shows is never the same to the pixel."""
    film = compose_film(SMALLEST_FILM)
    return film, replace(film, image=np.ascontiguousarray(film.image[:, ::-1]))


@pytest.fixture
def scan(films, tmp_path):
    """Makes a finished scan on the scanner's disk: `scan(name, specimen, again=False)` gives the path of its .vsi."""

    def write(name, specimen, *, again=False):
        return write_film(films[again], tmp_path, name, specimen)

    return write
