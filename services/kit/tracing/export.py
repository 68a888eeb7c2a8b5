"""Spans of OpenTelemetry's SDK, sent to a collector by OTLP over HTTP. Imported only where an endpoint is set."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version
from threading import local
from uuid import uuid4

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Tracer, set_span_in_context
from requests import PreparedRequest, Session
from requests.auth import AuthBase

from services.kit.telemetry import Metrics
from services.kit.tracing.current import Fact
from services.kit.tracing.identity import root_of
from services.kit.tracing.settings import TracingSettings
from services.kit.tracing.span_queue import SpanQueue
from services.kit.tracing.tracer import Moments
from services.kit.tracing.work import named

_SCOPE = "frottis"


class RootIds(RandomIdGenerator):
    """Random ids, but for a slide's root: its children know it by its ids before it exists."""

    def __init__(self) -> None:
        self._of_this_thread = local()

    @contextmanager
    def given(self, root: SpanContext) -> Iterator[None]:
        """Within, this thread's next span is `root`."""
        self._of_this_thread.root = root
        try:
            yield
        finally:
            self._of_this_thread.root = None

    def generate_trace_id(self) -> int:
        root = self._given()
        return super().generate_trace_id() if root is None else root.trace_id

    def generate_span_id(self) -> int:
        root = self._given()
        return super().generate_span_id() if root is None else root.span_id

    def _given(self) -> SpanContext | None:
        return getattr(self._of_this_thread, "root", None)


class SdkRecorder:
    """The spans of one service."""

    records = True

    def __init__(self, provider: TracerProvider, ids: RootIds) -> None:
        self._tracer: Tracer = provider.get_tracer(_SCOPE)
        self._ids = ids

    def open(
        self, name: str, parent: SpanContext, kind: SpanKind, facts: Mapping[str, Fact], start: int | None = None
    ) -> Span:
        above = set_span_in_context(NonRecordingSpan(parent))
        return self._tracer.start_span(name, above, kind, facts, start_time=start)

    def slide(self, slide_id: str, start: datetime, end: datetime, moments: Moments, facts: Mapping[str, Fact]) -> None:
        about = named({"slide_id": slide_id, **facts})
        with self._ids.given(root_of(slide_id)):
            span = self._tracer.start_span("slide", Context(), attributes=about, start_time=_ns(start))
        for name, at in moments.items():
            span.add_event(name, timestamp=_ns(at))
        span.end(_ns(end))


class SdkSink:
    """Each service is a resource of its own, also where several share a process. Whole slides are sampled, or none."""

    def __init__(self, processor: SpanProcessor, slides: float = 1.0) -> None:
        self._processor = processor
        # By the trace's id alone: every process decides alike, whatever a message's header says.
        self._sampler = TraceIdRatioBased(slides)
        self._instance = str(uuid4())

    def recorder(self, service: str) -> SdkRecorder:
        resource = Resource.create(
            {
                "service.namespace": "frottis",
                "service.name": service,
                "service.version": version("frottis"),
                "service.instance.id": self._instance,
            }
        )
        ids = RootIds()
        provider = TracerProvider(self._sampler, resource, shutdown_on_exit=False, id_generator=ids)
        provider.add_span_processor(self._processor)
        return SdkRecorder(provider, ids)

    def close(self) -> None:
        self._processor.shutdown()


class FreshHeaders(AuthBase):
    """Reads the headers anew for each request, so that a new key needs no new start."""

    def __init__(self, headers: Callable[[], Mapping[str, str]]) -> None:
        self._headers = headers

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers.update(self._headers())
        return request


def sink_to(settings: TracingSettings, metrics: Metrics) -> SdkSink:
    """To the collector that the settings name. One that is away costs spans, and nothing else."""
    # The library tells every failure with its text; what matters of it the queue tells and counts.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    session = Session()
    session.auth = FreshHeaders(settings.headers)
    exporter = OTLPSpanExporter(
        f"{settings.endpoint.rstrip('/')}/v1/traces",
        str(settings.ca_file) if settings.ca_file else None,
        timeout=settings.export_s,
        compression=Compression.Gzip,
        session=session,
    )
    return SdkSink(SpanQueue(exporter, metrics, settings.waiting), settings.slides)


def _ns(moment: datetime) -> int:
    """Unix ns, exact to the µs that a datetime holds."""
    return round(moment.timestamp() * 1e6) * 1000
