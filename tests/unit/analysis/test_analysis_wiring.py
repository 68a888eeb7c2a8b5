import threading
from datetime import UTC, datetime

import pytest

from services.analysis.errors import ModelUnusable
from services.analysis.settings import AnalysisSettings
from services.analysis.wiring import READY, build
from services.kit.clock import ManualClock
from services.kit.errors import SettingsError
from services.kit.objects import Objects
from services.kit.service import Resources
from services.kit.telemetry import Metrics


@pytest.fixture
def resources():
    def no_database(name, metadata):
        raise AssertionError("analysis keeps no state")

    return Resources(ManualClock(datetime(2026, 1, 5, tzinfo=UTC)), Metrics(), Objects.in_memory(), no_database)


def test_the_service_reads_tiles_and_is_ready_when_its_models_are_warm(resources):
    service = build(AnalysisSettings.load(threads=1), resources)
    (subscription,) = service.subscriptions
    assert (subscription.topic, subscription.batch) == ("tiles", 8)
    assert subscription.on_poison is not None
    assert "loaded" in service.readiness[READY]()
    stop = threading.Event()
    stop.set()
    service.tasks[READY](stop)
    assert service.readiness[READY]() is None
    service.close()


def test_with_triton_as_many_tiles_are_under_way_in_batches_and_as_many_wait(resources):
    settings = AnalysisSettings.load(triton="127.0.0.1:1", tiles_per_batch=8, triton_batches=4)
    assert (settings.tiles_together, settings.batches_at_once, settings.tiles_taken) == (2, 4, 16)
    service = build(settings, resources)
    assert service.subscriptions[0].batch == 16
    service.close()
    few = AnalysisSettings.load(triton="127.0.0.1:1", tiles_per_batch=2, triton_batches=4)
    assert (few.tiles_together, few.batches_at_once) == (1, 2)


def test_a_folder_without_models_stops_the_start(resources, tmp_path):
    with pytest.raises(ModelUnusable, match="restore the folder"):
        build(AnalysisSettings.load(models=tmp_path), resources)


@pytest.mark.parametrize("sizes", ["[]", "[4,1]", "[0,4]", "[2,2]"])
def test_batch_sizes_must_ascend(monkeypatch, sizes):
    monkeypatch.setenv("FROTTIS_ANALYSIS_LEUKOCYTE_BATCHES", sizes)
    with pytest.raises(SettingsError, match="ascending"):
        AnalysisSettings.load()


def test_batch_sizes_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("FROTTIS_ANALYSIS_DETECTOR_BATCHES", "[1,2]")
    assert AnalysisSettings.load().detector_batches == (1, 2)
