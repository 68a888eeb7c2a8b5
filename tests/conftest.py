"""What tests of several folders share."""

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from services.simulator.composer import Recipe, compose_film
from services.simulator.slide import write_film

# Speed lives in benchmarks: a busy machine fails no test.
settings.register_profile("frottis", deadline=None)
settings.load_profile("frottis")


class ServersTogether(LoadScopeScheduling):
    """One worker runs a folder of integration tests, so that its servers start once; all else goes anywhere.

    pytest-xdist has groups for this (`--dist loadgroup`), which pytest 9.2 does not let it name.
    """

    def _split_scope(self, nodeid):
        path = nodeid.partition("::")[0]
        return path.rpartition("/")[0] if path.startswith("tests/integration/") else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return ServersTogether(config, log)


# Small enough to be read in seconds, with every part of a film: thick end, monolayer, feathered edge, glass.
SMALL_FILM = Recipe(
    width_px=5000,
    height_px=3600,
    seed=5,
    differential={"neutrophil_segmented": 84, "lymphocyte": 48, "monocyte": 10, "eosinophil": 6, "basophil": 2},
    platelets=60,
    clumps=0,
)


@pytest.fixture(scope="session")
def small_film():
    """The composed film, to be written as slides of several specimens."""
    return compose_film(SMALL_FILM)


@pytest.fixture(scope="session")
def small_slide(small_film, tmp_path_factory):
    """A finished slide on the scanner's disk: (path of its .vsi, truth). Its specimen number is A1234."""
    path = write_film(small_film, tmp_path_factory.mktemp("scanner"), "small", "A1234")
    return path, small_film.truth
