"""A collector of traces on loopback: takes OTLP over HTTP, as an OpenTelemetry collector does."""

import gzip
import threading
from collections import defaultdict
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

# OTLP's number for the kind of span that handles a message.
CONSUMER = 5


@dataclass(frozen=True)
class Taken:
    """A span as it was sent, with the service that it is of. Times in unix ns."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: int
    start: int
    end: int
    attributes: dict
    events: dict
    failed: bool


class Collector:
    """`spans` are those taken so far, `headers` those of the last request; `status` is the answer to the next ones."""

    def __init__(self):
        self.spans, self.headers, self.raw, self.status = [], {}, [], 200
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self._server.server_port}"

    def wait_for(self, enough, timeout_s=60.0):
        """The spans, once `enough(spans)` holds."""
        with self._changed:
            assert self._changed.wait_for(lambda: enough(self.spans), timeout_s), self.spans
            return list(self.spans)

    def by_trace(self):
        traces = defaultdict(list)
        for span in self.spans:
            traces[span.trace_id].append(span)
        return dict(traces)

    def _take(self, path, headers, body):
        assert path == "/v1/traces"
        assert headers["content-type"] == "application/x-protobuf"
        content = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
        with self._changed:
            self.headers = headers
            if self.status == 200:
                self.raw.append(content)
                self.spans += decoded(content)
            self._changed.notify_all()
        return self.status

    def _handler(self):
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers["content-length"]))
                self.send_response(collector._take(self.path, headers, body))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        return Handler


def decoded(content):
    """The spans of an OTLP request."""
    request = ExportTraceServiceRequest.FromString(content)
    for resource in request.resource_spans:
        service = attributes_of(resource.resource.attributes)["service.name"]
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Taken(
                    service=service,
                    name=span.name,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    kind=span.kind,
                    start=span.start_time_unix_nano,
                    end=span.end_time_unix_nano,
                    attributes=attributes_of(span.attributes),
                    events={event.name: event.time_unix_nano for event in span.events},
                    failed=span.status.code == span.status.STATUS_CODE_ERROR,
                )


def attributes_of(pairs):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


def assert_whole(spans, slide_id):
    """The spans are the whole trace of a slide that was read and reported: each service, each step, each its parent."""
    known = {span.span_id: span for span in spans}
    assert len(known) == len(spans)
    assert {span.service for span in spans} == {"ingestion", "analysis", "reasoning", "lis", "review"}
    assert [span.name for span in spans if not span.parent_id] == ["slide"]
    senders = defaultdict(set)
    for span in spans:
        if span.parent_id:
            sender = known[span.parent_id]
            senders[span.service, span.name].add((sender.service, sender.name))
    for below_the_root in (("ingestion", "share"), ("lis", "send to LIS"), ("lis", "lis events")):
        assert senders[below_the_root] == {("review", "slide")}
    for service in ("ingestion", "reasoning", "review"):
        assert senders[service, "process scans"] == {("ingestion", "share")}
    assert senders["analysis", "process tiles"] <= {("ingestion", "process scans"), ("ingestion", "process requests")}
    assert senders["analysis", "infer"] == {("analysis", "process tiles")}
    assert senders["reasoning", "process cells"] == {("analysis", "process tiles")}
    assert {sender for sender, _ in senders["lis", "process reports"]} == {"reasoning"}
    assert ("lis", "lis events") in senders["review", "process deliveries"]
    assert {("ingestion", "map film"), ("ingestion", "cut tiles"), ("reasoning", "decide")} <= senders.keys()
    assert all(span.kind == CONSUMER for span in spans if span.name.startswith("process "))
    assert {span.attributes.get("frottis.slide_id", slide_id) for span in spans} == {slide_id}
