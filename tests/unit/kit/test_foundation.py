import io
import json
import logging
import shutil
import subprocess
from datetime import UTC, datetime

import pytest
import structlog
from prometheus_client import generate_latest
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.kit.clock import from_timestamp, to_timestamp
from services.kit.contracts import Slide, Stage
from services.kit.errors import SettingsError, TransientError
from services.kit.objects import ObjectMissing, Objects
from services.kit.settings import Settings
from services.kit.stages import reach, reached
from services.kit.telemetry import Metrics, configure_logging
from services.kit.topics import topics


class Example(Settings):
    model_config = SettingsConfigDict(env_prefix="FROTTIS_EXAMPLE_")
    wait_s: float = Field(1.0, gt=0, description="s")


def test_settings_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("FROTTIS_EXAMPLE_WAIT_S", "2.5")
    assert Example.load().wait_s == 2.5


def test_unknown_and_impossible_settings_are_refused_by_name(monkeypatch):
    monkeypatch.setenv("FROTTIS_EXAMPLE_WIAT_S", "2.5")
    with pytest.raises(SettingsError, match="FROTTIS_EXAMPLE_WIAT_S"):
        Example.load()
    monkeypatch.delenv("FROTTIS_EXAMPLE_WIAT_S")
    with pytest.raises(SettingsError, match="FROTTIS_EXAMPLE_WAIT_S"):
        Example.load(wait_s=-1)
    with pytest.raises(SettingsError, match="BOGUS"):
        Example.load(bogus=1)


def test_an_object_comes_back_by_its_uri(tmp_path):
    objects = Objects.in_folder(tmp_path / "objects")
    uri = objects.put("slides/S1/tiles/a.jpg", b"pixels")
    assert objects.get(uri + "#xywh=pixel:1,2,3,4") == b"pixels"
    assert objects.list("slides/S1") == [uri]
    objects.delete([uri, uri])
    with pytest.raises(ObjectMissing):
        objects.get(uri)


@pytest.mark.parametrize("uri", ["http://host/key", "object:///", "key"])
def test_what_is_no_object_uri_is_refused(uri):
    with pytest.raises(ObjectMissing, match="not an object URI"):
        Objects.in_memory().get(uri)


def test_a_folder_that_cannot_be_written_is_a_transient_error(tmp_path):
    objects = Objects.in_folder(tmp_path / "objects")
    (tmp_path / "objects" / "slides").write_text("a file where a folder must be")
    with pytest.raises(TransientError):
        objects.put("slides/a", b"x")


def test_a_moment_without_a_time_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        to_timestamp(datetime(2026, 1, 5))
    moment = datetime(2026, 1, 5, 12, 30, 1, 250_000, tzinfo=UTC)
    assert from_timestamp(to_timestamp(moment)) == moment


def test_a_stage_is_timed_from_the_one_before():
    metrics, slide = Metrics(), Slide()
    reach(slide, Stage.STAGE_SCAN_COMPLETE, datetime(2026, 1, 5, 12, tzinfo=UTC), metrics)
    reach(slide, Stage.STAGE_ADMITTED, datetime(2026, 1, 5, 12, 0, 7, tzinfo=UTC), metrics)
    assert reached(slide, Stage.STAGE_ADMITTED) == datetime(2026, 1, 5, 12, 0, 7, tzinfo=UTC)
    assert metrics.registry.get_sample_value("frottis_stage_seconds_sum", {"stage": "admitted"}) == 7


def test_the_registry_names_services_and_messages_that_exist():
    services = {"ingestion", "analysis", "reasoning", "lis", "review"}
    for topic in topics().values():
        assert set(topic.producers) | set(topic.consumers) <= services
        assert topic.message.DESCRIPTOR.file.package == "frottis.v1"


def test_metrics_follow_the_conventions_of_prometheus():
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.fail("promtool is missing: `make test` installs it (Debian package prometheus)")
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=generate_latest(Metrics().registry), capture_output=True
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_logs_are_one_json_object_per_line_whoever_writes_them():
    stream = io.StringIO()
    before = logging.getLogger().handlers[:]
    try:
        configure_logging(stream)
        structlog.get_logger().warning("retry", service="lis")
        logging.getLogger("library").warning("from a library")
    finally:
        logging.getLogger().handlers[:] = before
        structlog.reset_defaults()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["retry", "from a library"]
    assert lines[0]["service"] == "lis"
