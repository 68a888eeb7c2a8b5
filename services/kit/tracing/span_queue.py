"""Spans on their way to a collector: bounded, in a thread of its own, and never in anybody's way."""

import threading
from collections import deque

import structlog
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from services.kit.telemetry import Metrics

BATCH = 512
# Spans that are fewer than a batch go out so often.
EVERY_S = 1.0
CLOSE_S = 5.0

log = structlog.get_logger()


class SpanQueue(SpanProcessor):
    """Drops and counts what is more than `limit`. The SDK's own queue counts nothing, and may take 30 s to close."""

    def __init__(self, exporter: SpanExporter, metrics: Metrics, limit: int) -> None:
        self._exporter = exporter
        self._spans = metrics.spans
        self._limit = limit
        self._waiting: deque[ReadableSpan] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._refused = False
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._thread.start()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None: ...

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span that has ended; those of slides that are not traced are left out."""
        if span.context is None or not span.context.trace_flags.sampled:
            return
        with self._changed:
            full = self._closing or len(self._waiting) >= self._limit
            if not full:
                self._waiting.append(span)
            if len(self._waiting) >= BATCH:
                self._changed.notify()
        if full:
            self._spans.labels("dropped").inc()

    def shutdown(self) -> None:
        """Send what waits, for a few seconds at most; what is left then is dropped."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(CLOSE_S)
        self._exporter.shutdown()
        with self._changed:
            self._spans.labels("dropped").inc(len(self._waiting))
            self._waiting.clear()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Whether nothing waits: the thread sends, and nobody else."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting, timeout_millis / 1000)

    def _run(self) -> None:
        while batch := self._next():
            self._count(self._exporter.export(batch), len(batch))

    def _next(self) -> list[ReadableSpan]:
        """The spans to send now; none once the queue is closed and empty."""
        with self._changed:
            while not (self._waiting or self._closing):
                self._changed.wait(EVERY_S)
            if len(self._waiting) < BATCH and not self._closing:
                self._changed.wait(EVERY_S)
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            self._changed.notify_all()
            return batch

    def _count(self, result: SpanExportResult, spans: int) -> None:
        refused = result is not SpanExportResult.SUCCESS
        self._spans.labels("refused" if refused else "sent").inc(spans)
        if refused and not self._refused:
            log.warning("the collector does not take traces: work goes on without them")
        elif self._refused and not refused:
            log.info("the collector takes traces again")
        self._refused = refused
