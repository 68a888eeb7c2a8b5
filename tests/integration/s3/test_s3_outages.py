"""An S3 server that goes away, or has no room left, in the middle of a slide, and what happens to the slide then."""

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial

import httpx
import pytest

from services.analysis.ahead import Batches
from services.analysis.handlers import AnalysisHandlers
from services.analysis.tile_store import TileStore
from services.ingestion.pixels import PixelStore
from services.ingestion.settings import IngestionSettings
from services.ingestion.wiring import build
from services.kit.contracts import Decision, Delivery, DeliveryState
from services.kit.errors import TransientError
from services.kit.objects import Objects
from services.kit.process import Process, ProcessSettings
from services.kit.service import Service, Subscription
from stack.s3 import S3Server
from tests.unit.analysis.conftest import reader, runtime  # noqa: F401 - fixtures
from tests.unit.ingestion.at_work import FEW_CELLS, Ingestion

PATIENCE_S = 240
HASTE = {"connect_s": 1.0, "request_s": 5.0, "retry_s": 1.0}


@contextmanager
def killed_before(monkeypatch, server, owner, name, time):
    """The server is killed right before `owner.name` is called for the `time`-th time."""
    work, calls = getattr(owner, name), []

    def call(*given):
        calls.append(given)
        if len(calls) == time:
            server.kill()
        return work(*given)

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, call)
        yield


class Readers:
    """The one reader, always ready."""

    def __init__(self, one):
        self._one = one

    def current(self, _deadline):
        return self._one


def analysis(one, resources):
    pool, batches = ThreadPoolExecutor(1), Batches(1, 1)
    store = TileStore(resources.objects, 90)
    handlers = AnalysisHandlers(Readers(one), store, batches, pool, resources.clock, resources.metrics)
    subscription = Subscription("tiles", handlers.tiles, 1, handlers.unreadable)
    return Service("analysis", subscriptions=(subscription,), close=lambda: (batches.close(), pool.shutdown()))


class Half:
    """Ingestion and analysis in one process, on the log, with their pixels on the S3 server."""

    def __init__(self, process):
        self.process = process
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{process.operations.bound_port}", timeout=PATIENCE_S)

    def received(self, topic):
        """The next message for reasoning."""
        with closing(self.process.transport.consumer("reasoning", [topic])) as consumer:
            for _ in range(PATIENCE_S * 2):
                assert not self.process.runner.stopping.is_set()
                if batch := consumer.poll(1, 0.5):
                    consumer.commit(batch)
                    return batch[0].value
        raise AssertionError(f"nothing on {topic}")

    def until_objects(self, *, away):
        while ("process/objects" in self.client.get("/readyz").json()) != away:
            assert not self.process.runner.stopping.wait(0.1)

    def counted(self, outcome, topic):
        labels = {"service": "ingestion" if topic == "scans" else "analysis", "topic": topic, "outcome": outcome}
        return self.process.metrics.registry.get_sample_value("frottis_messages_total", labels) or 0


@pytest.fixture
def half(s3, tmp_path, small_slide, monkeypatch, reader):  # noqa: F811 - the fixture imported above
    vsi = small_slide[0]
    share = tmp_path / "share"
    shutil.copytree(vsi.with_name(f"_{vsi.stem}_"), share / "_small_")
    shutil.copy(vsi, share / "small.vsi")
    for name, value in {**s3.environment(), "FROTTIS_OBJECTS_RETRY_S": "1"}.items():
        monkeypatch.setenv(name, value)
    settings = IngestionSettings.load(share=share, settle_s=0, poll_s=0.2, **FEW_CELLS)
    builds = {"ingestion": partial(build, settings), "analysis": partial(analysis, reader)}
    process = Process(ProcessSettings.load(state=tmp_path / "state"), builds)
    made = Half(process)
    yield made
    s3.start()
    process.close()
    made.client.close()


def test_a_server_killed_between_two_tiles_and_again_between_two_readings_costs_time_and_nothing_else(
    half, s3, monkeypatch
):
    with (
        killed_before(monkeypatch, s3, PixelStore, "put", 2),
        killed_before(monkeypatch, s3, TileStore, "load", 3),
    ):
        half.process.start()
        half.until_objects(away=True)
        while not half.counted("retried", "scans"):
            assert not half.process.runner.stopping.wait(0.1)
        s3.start()
        reading = half.received("readings")
        while not half.counted("retried", "tiles"):
            assert not half.process.runner.stopping.wait(0.1)
        half.until_objects(away=True)
        s3.start()
        cells = {}
        while cells.keys() < set(reading.tile_ids):
            said = half.received("cells")
            cells[said.tile_id] = said
    assert len(reading.tile_ids) >= 3
    assert not any(said.HasField("unreadable") for said in cells.values())
    half.until_objects(away=False)
    folder = f"slides/{reading.slide.slide_id}/tiles"
    tiles = Objects.in_bucket(s3.settings()).list(folder)
    assert tiles == sorted(f"object:///{folder}/{tile}.jpg" for tile in reading.tile_ids)
    assert half.process.transport.dead_letters().counts() == {}


def test_old_tiles_are_removed_page_by_page_and_an_outage_in_between_makes_the_rest_wait(s3, tmp_path, monkeypatch):
    ingestion = Ingestion(tmp_path, Objects.in_bucket(s3.settings(**HASTE)), keep_days=30)
    slide = "slides/RETAINED"
    for n in range(1100):
        ingestion.pixels.put("RETAINED", f"{n:04}", b"x")
    kept = [ingestion.objects.put(f"{slide}/{name}", b"x") for name in ("cells.jsonl", "crops/c.jpg")]
    ingestion.pixels.begin("RETAINED")
    ingestion.retention.prune()
    ended = Delivery(decision=Decision.DECISION_RELEASED, state=DeliveryState.DELIVERY_STATE_ACKNOWLEDGED)
    ended.slide.slide_id = "RETAINED"
    ingestion.retention.deliveries(ended)
    ingestion.clock.advance(31 * 86_400)
    with killed_before(monkeypatch, s3, Objects, "delete", 2), pytest.raises(TransientError):
        ingestion.retention.prune()
    s3.start()
    assert len(ingestion.objects.list(f"{slide}/tiles")) == 100
    ingestion.retention.prune()
    assert ingestion.objects.list(slide) == kept
    assert ingestion.metrics.registry.get_sample_value("frottis_tiles_removed_total") == 1100
    ingestion.database.close()


@pytest.fixture
def small_server(tmp_path):
    """A server whose disk holds 4 MiB, which only root may mount."""
    disk = tmp_path / "s3"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "frottis-test", disk]
    mounted = subprocess.run(mount, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here, so a full one is not tested: {mounted.stderr.strip()}")
    try:
        with S3Server(disk) as server:
            yield server
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.mark.usefixtures("s3")
def test_a_server_whose_disk_is_full_is_a_wait_until_there_is_room(small_server):
    objects = Objects.in_bucket(small_server.settings(**HASTE))
    ballast = objects.put("slides/B/tiles/1.jpg", bytes(3 << 20))
    with pytest.raises(TransientError, match="object store cannot be used now"):
        objects.put("slides/F/tiles/1.jpg", bytes(2 << 20))
    assert len(objects.get(ballast)) == 3 << 20
    assert objects.problem() is not None, "what can be read makes no room"
    objects.delete([ballast])
    objects.look()
    assert objects.problem() is None
    assert len(objects.get(objects.put("slides/F/tiles/1.jpg", bytes(2 << 20)))) == 2 << 20
