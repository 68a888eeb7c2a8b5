"""Which trace a slide's is, and how a span is named in a message (W3C Trace Context, https://www.w3.org/TR/trace-context)."""

import hashlib
import random
from collections.abc import Mapping
from functools import lru_cache

from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

TRACEPARENT = "traceparent"
_TRACE_BYTES, _SPAN_BYTES = 16, 8
_W3C = TraceContextTextMapPropagator()


@lru_cache(maxsize=1024)
def root_of(slide_id: str) -> SpanContext:
    """The root span of a slide's trace, the same in every process and after every start."""
    digest = hashlib.sha256(f"frottis slide {slide_id}".encode()).digest()
    trace_id = int.from_bytes(digest[:_TRACE_BYTES], "big")
    span_id = int.from_bytes(digest[_TRACE_BYTES : _TRACE_BYTES + _SPAN_BYTES], "big")
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def parent_of(slide_id: str, headers: Mapping[str, str]) -> SpanContext:
    """The span that sent a message about the slide; its root where `headers` name none of its trace."""
    root = root_of(slide_id)
    if TRACEPARENT not in headers:
        return root
    sender = get_current_span(_W3C.extract(dict(headers))).get_span_context()
    return sender if sender.trace_id == root.trace_id else root


def traceparent(span: SpanContext) -> str:
    """The header that names `span` as the sender."""
    headers: dict[str, str] = {}
    _W3C.inject(headers, set_span_in_context(NonRecordingSpan(span)))
    return headers[TRACEPARENT]


def unrecorded(parent: SpanContext) -> SpanContext:
    """A span that nobody records, of the parent's trace: the logs tell one handling from another by it."""
    span_id = random.getrandbits(64) or 1
    return SpanContext(parent.trace_id, span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.DEFAULT))


def ids(span: SpanContext) -> tuple[str, str]:
    """Trace and span id as people and logs write them: in hexadecimal."""
    return f"{span.trace_id:032x}", f"{span.span_id:016x}"
