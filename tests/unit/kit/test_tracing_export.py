"""Spans on their way to a collector: what is sent, what is counted, and that nobody waits for it."""

import socket
import threading

import pytest
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from services.kit.clock import SystemClock
from services.kit.errors import SettingsError
from services.kit.telemetry import Metrics
from services.kit.tracing.export import SdkSink
from services.kit.tracing.identity import ids, root_of
from services.kit.tracing.opening import open_tracing
from services.kit.tracing.settings import TracingSettings
from services.kit.tracing.span_queue import SpanQueue
from services.kit.tracing.tracer import Tracing
from tests.collector import Collector


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def collector():
    with Collector() as collector:
        yield collector


def counted(metrics):
    values = {s.labels["outcome"]: s.value for m in metrics.spans.collect() for s in m.samples if "total" in s.name}
    return values["sent"], values["refused"], values["dropped"]


def work(tracing, service="lis", times=1):
    for _ in range(times):
        with tracing.of(service).asking("send to LIS", "S1"):
            pass


def test_spans_reach_a_collector_over_http_with_their_service_and_headers(collector, metrics, tmp_path):
    (tmp_path / "headers").write_text("x-api-key: k3y\nAuthorization: Bearer abc\n")
    settings = TracingSettings.load(endpoint=f"{collector.endpoint}/", headers_file=tmp_path / "headers")
    tracing = open_tracing(settings, metrics)
    work(tracing)
    work(tracing, "review")
    now = SystemClock().now()
    tracing.of("review").slide("S1", now, now, outcome="held")
    tracing.close()
    assert [(span.service, span.name) for span in collector.spans] == [
        ("lis", "send to LIS"),
        ("review", "send to LIS"),
        ("review", "slide"),
    ]
    trace_id, root_id = ids(root_of("S1"))
    assert [(span.trace_id, span.parent_id) for span in collector.spans] == [
        (trace_id, root_id),
        (trace_id, root_id),
        (trace_id, ""),
    ]
    assert (collector.headers["x-api-key"], collector.headers["authorization"]) == ("k3y", "Bearer abc")
    assert counted(metrics) == (3, 0, 0)


def test_headers_are_read_anew_for_each_request(collector, metrics, tmp_path):
    file = tmp_path / "headers"
    file.write_text("x-api-key: old")
    tracing = open_tracing(TracingSettings.load(endpoint=collector.endpoint, headers_file=file), metrics)
    file.write_text("x-api-key: new")
    work(tracing)
    tracing.close()
    assert collector.headers["x-api-key"] == "new"


def test_spans_do_not_wait_for_the_close(collector, metrics):
    tracing = open_tracing(TracingSettings.load(endpoint=collector.endpoint), metrics)
    work(tracing)
    collector.wait_for(lambda spans: len(spans) == 1)
    tracing.close()


def test_a_collector_that_is_away_costs_its_spans_and_nothing_else(metrics):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    tracing = open_tracing(TracingSettings.load(endpoint=f"http://127.0.0.1:{port}", export_s=0.5), metrics)
    work(tracing, times=3)
    tracing.close()
    assert counted(metrics) == (0, 3, 0)


def test_a_collector_that_refuses_is_told_once_and_counted(collector, metrics, capfd):
    collector.status = 400
    tracing = open_tracing(TracingSettings.load(endpoint=collector.endpoint), metrics)
    work(tracing, times=600)
    tracing.close()
    assert counted(metrics) == (0, 600, 0)
    told = capfd.readouterr()
    assert (told.out + told.err).count("does not take traces") == 1


def test_a_collector_that_never_answers_neither_stops_nor_holds_up(metrics):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        settings = TracingSettings.load(endpoint=f"http://127.0.0.1:{port}", export_s=0.5, waiting=100)
        tracing = open_tracing(settings, metrics)
        work(tracing, times=1000)
        tracing.close()
    sent, refused, dropped = counted(metrics)
    assert (sent, refused + dropped) == (0, 1000)
    assert dropped >= 700


class Held(SpanExporter):
    """Takes nothing until it is let."""

    def __init__(self):
        self.let, self.asked, self.taken = threading.Event(), threading.Event(), []

    def export(self, spans):
        self.asked.set()
        self.let.wait(60)
        self.taken += spans
        return SpanExportResult.SUCCESS

    def shutdown(self):
        pass


def test_more_spans_than_may_wait_are_dropped_and_counted_while_the_work_goes_on(metrics):
    exporter = Held()
    tracing = Tracing(SdkSink(SpanQueue(exporter, metrics, limit=10)))
    work(tracing)
    assert exporter.asked.wait(60)
    work(tracing, times=25)
    assert counted(metrics) == (0, 0, 15)
    exporter.let.set()
    tracing.close()
    assert len(exporter.taken) == 11
    assert counted(metrics) == (11, 0, 15)


def test_what_ends_after_the_close_is_dropped_and_counted(metrics):
    exporter = Held()
    exporter.let.set()
    tracing = Tracing(SdkSink(SpanQueue(exporter, metrics, limit=10)))
    tracing.close()
    work(tracing)
    assert (exporter.taken, counted(metrics)) == ([], (0, 0, 1))


def test_spans_of_slides_that_are_not_traced_are_not_sent(collector, metrics):
    tracing = open_tracing(TracingSettings.load(endpoint=collector.endpoint, slides=0.0), metrics)
    work(tracing)
    tracing.of("review").slide("S1", SystemClock().now(), SystemClock().now())
    tracing.close()
    assert (collector.spans, counted(metrics)) == ([], (0, 0, 0))


@pytest.mark.parametrize(
    ("endpoint", "headers", "problem"),
    [
        ("collector:4318", None, "must look like"),
        ("ftp://collector:4318", None, "must look like"),
        ("http://key:s3cret@collector:4318", None, "no user"),
        ("http://collector:4318?key=s3cret", None, "no user"),
        ("http://collector:4318", "x-api-key: s3cret", "needs an https"),
        ("https://collector:4318", "s3cret", "one `name: value` a line"),
        ("https://collector:4318", "", "one `name: value` a line"),
        ("https://collector:4318", "x-api-key: changeme", "placeholder"),
        ("https://collector:4318", "authorization: Bearer ${s3cret}", "placeholder"),
    ],
)
def test_settings_that_cannot_work_are_refused_without_telling_a_secret(tmp_path, endpoint, headers, problem):
    given = {"endpoint": endpoint}
    if headers is not None:
        given["headers_file"] = tmp_path / "headers"
        given["headers_file"].write_text(headers)
    with pytest.raises(SettingsError, match=problem) as refused:
        TracingSettings.load(**given)
    assert "s3cret" not in str(refused.value)


def test_a_headers_file_that_is_missing_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="FileNotFoundError"):
        TracingSettings.load(endpoint="https://collector:4318", headers_file=tmp_path / "none")
