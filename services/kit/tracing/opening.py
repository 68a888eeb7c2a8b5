"""Traces as the settings want them."""

from services.kit.telemetry import Metrics
from services.kit.tracing.settings import TracingSettings
from services.kit.tracing.tracer import Tracing


def open_tracing(settings: TracingSettings, metrics: Metrics) -> Tracing:
    """The tracing of a process, to be closed at its end. Without an endpoint nothing of the SDK is loaded."""
    if not settings.endpoint:
        return Tracing()
    from services.kit.tracing.export import sink_to  # noqa: PLC0415 - see above

    return Tracing(sink_to(settings, metrics))
