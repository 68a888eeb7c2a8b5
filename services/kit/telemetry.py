"""Metrics, declared once, and structured logs. Neither ever carries a patient, a message body or a secret."""

import logging
import sys
from typing import TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

# Seconds; dense around the promise of 1,800 s, so that a quantile near it is read from narrow buckets.
PROMISE_BUCKETS = (15, 30, 60, 120, 180, 300, 450, 600, 900, 1200, 1500, 1680, 1800, 1920, 2100, 2700, 3600, 7200)
STAGE_BUCKETS = (0.5, 1, 2, 5, 10, 20, 40, 60, 120, 300, 600, 1200, 1800, 3600)
HANDLE_BUCKETS = (0.001, 0.005, 0.02, 0.1, 0.5, 1, 5, 20, 60, 300)


class Metrics:
    """Every metric of Frottis, in one registry per process."""

    def __init__(self) -> None:
        r = self.registry = CollectorRegistry()
        ProcessCollector(registry=r)
        self.ready = Gauge(
            "frottis_ready", "1 while a readiness check of a service passes, else 0.", ["service", "check"], registry=r
        )
        self.scan_to_acknowledged = Histogram(
            "frottis_scan_to_acknowledged_seconds",
            "Scan complete to report acknowledged by the LIS.",
            ["priority"],
            buckets=PROMISE_BUCKETS,
            registry=r,
        )
        self.stage = Histogram(
            "frottis_stage_seconds",
            "Time from the stage before to this one.",
            ["stage"],
            buckets=STAGE_BUCKETS,
            registry=r,
        )
        self.handled = Histogram(
            "frottis_handle_seconds",
            "Time a handler took for one batch.",
            ["service", "topic"],
            buckets=HANDLE_BUCKETS,
            registry=r,
        )
        self.model_request = Histogram(
            "frottis_model_request_seconds",
            "Time that a model server took for one request.",
            ["model"],
            buckets=HANDLE_BUCKETS,
            registry=r,
        )
        self.model_requests = Counter(
            "frottis_model_requests_total", "Requests to a model server by outcome.", ["model", "outcome"], registry=r
        )
        self.models_ready = Gauge("frottis_models_ready", "1 when the models are warm and answer, else 0.", registry=r)
        self.messages = Counter(
            "frottis_messages_total", "Messages by what became of them.", ["service", "topic", "outcome"], registry=r
        )
        self.queue = Gauge(
            "frottis_queue_messages", "Messages waiting for a service.", ["service", "topic"], registry=r
        )
        self.dead_letters = Gauge(
            "frottis_dead_letters",
            "Messages that a service rejected and that wait for a person: frottis dead-letters.",
            ["service", "topic"],
            registry=r,
        )
        self.oldest_waiting = Gauge(
            "frottis_oldest_waiting_age_seconds",
            "Age of the oldest slide without an end, since its scan was complete.",
            registry=r,
        )
        self.slides = Gauge("frottis_slides", "Slides by state.", ["state"], registry=r)
        self.ended = Counter(
            "frottis_slides_ended_total", "Slides that ended, by how and why.", ["outcome", "reason"], registry=r
        )
        self.acknowledgements = Counter(
            "frottis_acknowledgements_total", "Answers of the LIS by MSA-1, or what came instead.", ["code"], registry=r
        )
        self.deadlines_missed = Counter(
            "frottis_deadlines_missed_total", "Slides not acknowledged before their deadline.", ["priority"], registry=r
        )
        self.outbox = Gauge("frottis_outbox_messages", "Messages for the LIS that are not acknowledged.", registry=r)
        self.orders = Counter(
            "frottis_orders_total", "Order messages of the LIS by the answer given.", ["answer"], registry=r
        )
        self.tiles_removed = Counter(
            "frottis_tiles_removed_total", "Old tiles removed from the object store.", registry=r
        )
        self.spans = Counter("frottis_spans_total", "Spans of traces by what became of them.", ["outcome"], registry=r)
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """What alerts count: Prometheus does not see an event that a series begins with."""
        for priority in ("routine", "stat"):
            self.scan_to_acknowledged.labels(priority)
            self.deadlines_missed.labels(priority)
        for code in ("AA", "AE", "AR", "CA", "CE", "CR"):
            self.acknowledgements.labels(code)
        for answer in ("AA", "AE", "AR", "unaddressable"):
            self.orders.labels(answer)
        for outcome in ("sent", "refused", "dropped"):
            self.spans.labels(outcome)


def configure_logging(stream: TextIO = sys.stderr, level: int = logging.INFO) -> None:
    """One JSON object per line on `stream`, from structlog and from libraries that use logging."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = logging.StreamHandler(stream)
    render: list[structlog.typing.Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.dict_tracebacks,
        structlog.processors.JSONRenderer(),
    ]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=render))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # It tells every operation on a picture.
    logging.getLogger("pyvips").setLevel(logging.WARNING)
