"""The spans of a process. Without a sink they only have names, for the logs."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import Lock
from typing import Protocol

from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind
from structlog.contextvars import bound_contextvars

from services.kit.tracing.current import Fact, working
from services.kit.tracing.identity import unrecorded
from services.kit.tracing.work import Opener, Work
from services.kit.transport import Received

# When something happened (aware UTC), by its name.
Moments = Mapping[str, datetime]


class Recorder(Opener, Protocol):
    """Spans of one service."""

    def slide(self, slide_id: str, start: datetime, end: datetime, moments: Moments, facts: Mapping[str, Fact]) -> None:
        """Record the root span of a slide's trace."""
        ...


class Sink(Protocol):
    """Where spans go."""

    def recorder(self, service: str) -> Recorder: ...

    def close(self) -> None:
        """Send what waits, within seconds."""
        ...


class Unrecorded:
    """Spans that nobody reads: names for the logs, and nothing else."""

    records = False

    def open(
        self,
        name: str,  # noqa: ARG002 - as a recorder's
        parent: SpanContext,
        kind: SpanKind,  # noqa: ARG002
        facts: Mapping[str, Fact],  # noqa: ARG002
        start: int | None = None,  # noqa: ARG002
    ) -> Span:
        return NonRecordingSpan(unrecorded(parent))

    def slide(
        self, slide_id: str, start: datetime, end: datetime, moments: Moments, facts: Mapping[str, Fact]
    ) -> None: ...


class ServiceTracer:
    """The spans and log fields of one service. Safe for use by several threads."""

    def __init__(self, service: str, recorder: Recorder) -> None:
        self._service = service
        self._recorder = recorder

    @contextmanager
    def handling(self, topic: str, messages: Sequence[Received]) -> Iterator[Work]:
        """The handling of a batch: a consumer's span for each message, named as OpenTelemetry's conventions do."""
        with bound_contextvars(topic=topic), self._work(f"process {topic}", SpanKind.CONSUMER, messages) as work:
            yield work

    @contextmanager
    def running(self, name: str) -> Iterator[Work]:
        """A run of a timer: spans for the slides that something follows for."""
        with self._work(name, SpanKind.INTERNAL) as work:
            yield work

    @contextmanager
    def asking(self, name: str, slide_id: str) -> Iterator[Work]:
        """An exchange with another system about a slide."""
        with self._work(name, SpanKind.CLIENT) as work:
            work.about(slide_id)
            yield work

    def slide(
        self, slide_id: str, start: datetime, end: datetime, *, moments: Moments | None = None, **facts: Fact
    ) -> None:
        """The slide's way has ended: the root of its trace. To be called once for a slide."""
        self._recorder.slide(slide_id, start, end, moments or {}, facts)

    @contextmanager
    def _work(self, name: str, kind: SpanKind, messages: Sequence[Received] = ()) -> Iterator[Work]:
        with bound_contextvars(service=self._service):
            work = Work(self._recorder, name, kind, messages)
            try:
                with working(work):
                    yield work
            except Exception as error:
                work.failed(error)
                raise
            finally:
                work.end()


class Tracing:
    """The tracers of a process's services. Safe for use by several threads."""

    def __init__(self, sink: Sink | None = None) -> None:
        self._sink = sink
        self._lock = Lock()
        self._tracers: dict[str, ServiceTracer] = {}

    def of(self, service: str) -> ServiceTracer:
        """The tracer of a service, always the same."""
        with self._lock:
            if service not in self._tracers:
                recorder = Unrecorded() if self._sink is None else self._sink.recorder(service)
                self._tracers[service] = ServiceTracer(service, recorder)
            return self._tracers[service]

    def close(self) -> None:
        """Send the spans that wait, within seconds."""
        if self._sink is not None:
            self._sink.close()
