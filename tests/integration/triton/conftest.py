"""A real Triton, and readers that ask it."""

import threading
from dataclasses import dataclass, field

import pytest

from services.analysis.cells import Box, Kind, Placement
from services.analysis.pixels import CANONICAL_UM_PER_PX, TILE, TILE_CORE, TILE_MARGIN
from services.analysis.settings import AnalysisSettings
from services.analysis.tiles import TilePixels
from services.analysis.wiring import readers_of
from services.kit.clock import SystemClock
from services.kit.objects import Objects
from services.kit.service import Resources
from services.kit.telemetry import Metrics
from stack.triton import TritonServer, TritonUnavailable

PATIENCE_S = 60.0
BOTH = frozenset({Kind.LEUKOCYTE, Kind.ERYTHROCYTE})


def started(folder, **given):
    """A server that is ready; skips, saying why, where Triton cannot be had."""
    try:
        server = TritonServer(folder, **given)
    except TritonUnavailable as reason:
        pytest.skip(str(reason))
    server.start()
    return server


@pytest.fixture(scope="session")
def triton(tmp_path_factory):
    """The server that tests share, each leaving it as it was: the committed models, up and warm."""
    server = started(tmp_path_factory.mktemp("triton"))
    yield server
    server.stop()


@pytest.fixture
def own_triton(tmp_path):
    """Starts servers for the test alone."""
    servers = []

    def start(**given):
        servers.append(started(tmp_path / f"triton{len(servers)}", **given))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@dataclass
class Client:
    """The readers of an analysis service with these settings, and their task."""

    address: str
    given: dict
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self):
        resources = Resources(SystemClock(), self.metrics, Objects.in_memory(), None)
        self.readers = readers_of(AnalysisSettings.load(triton=self.address, **self.given), resources)
        self._stop = threading.Event()
        self._task = None

    def keep_ready(self):
        self._task = threading.Thread(target=self.readers.keep_ready, args=(self._stop,))
        self._task.start()
        return self

    def until(self, is_so):
        """Wait until what the readers wait for is as asked."""
        for _ in range(int(PATIENCE_S / 0.05)):
            if is_so(self.readers.waits_for()):
                return self.readers.waits_for()
            self._stop.wait(0.05)
        raise AssertionError(f"not so within {PATIENCE_S} s: {self.readers.waits_for()}")

    def metric(self, name, **labels):
        return self.metrics.registry.get_sample_value(name, labels)

    def close(self):
        self._stop.set()
        if self._task:
            self._task.join(PATIENCE_S)
        self.readers.close()


@pytest.fixture
def client():
    """Readers over a server: `client(server, triton_timeout_s=1.0)`."""
    clients = []

    def make(server, **given):
        clients.append(Client(server.address, {"triton_look_s": 0.5, **given}))
        return clients[-1]

    yield make
    for one in clients:
        one.close()


def tile_at(image, left, top):
    """A tile of a picture, its own corner the origin."""
    um, core = CANONICAL_UM_PER_PX, TILE_CORE * CANONICAL_UM_PER_PX
    edge = TILE_MARGIN * um
    pixels = image[top : top + TILE, left : left + TILE]
    return TilePixels(pixels, Placement(0.0, 0.0, um, um), Box(edge, edge, core, core), BOTH)


@pytest.fixture(scope="session")
def tiles(small_film):
    """Twenty tiles from all over a film, glass and thick end included."""
    height, width = small_film.image.shape[:2]
    lefts = [round(step * (width - TILE) / 4) for step in range(5)]
    tops = [round(step * (height - TILE) / 3) for step in range(4)]
    return [tile_at(small_film.image, left, top) for top in tops for left in lefts]
