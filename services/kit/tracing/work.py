"""A piece of work and its spans: what a loop does with one batch, a timer in one run, a task in one exchange."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from opentelemetry.trace import Span, SpanContext, SpanKind, Status, StatusCode
from structlog.contextvars import bind_contextvars, get_contextvars, unbind_contextvars

from services.kit.tracing.current import Fact, Note
from services.kit.tracing.identity import TRACEPARENT, ids, parent_of, root_of, traceparent
from services.kit.transport import Outgoing, Received

# What a log line says of the slide in focus, or of several.
_ONE, _SEVERAL = ("slide_id", "trace_id", "span_id"), ("slide_ids", "trace_ids", "span_ids")
_PROCESS = {"messaging.operation.name": "process", "messaging.operation.type": "process"}


class Subject(NamedTuple):
    """What a message is about; empty where it is about no slide, or no tile."""

    slide_id: str
    tile_id: str


class Opener(Protocol):
    """Begins spans. Nobody reads them from a service that `records` none."""

    @property
    def records(self) -> bool: ...

    def open(
        self, name: str, parent: SpanContext, kind: SpanKind, facts: Mapping[str, Fact], start: int | None = None
    ) -> Span: ...


@dataclass(frozen=True)
class Opened:
    """The work's span in the trace of one slide."""

    subject: Subject
    span: Span

    @property
    def context(self) -> SpanContext:
        return self.span.get_span_context()


class Work:
    """One span in the trace of each slide that the work concerns: by its messages, or by what it says and does.

    An order concerns no slide until something follows for one; then its handling stands in that slide's trace too. For
    one thread.
    """

    def __init__(self, opener: Opener, name: str, kind: SpanKind, messages: Sequence[Received] = ()) -> None:
        self._opener = opener
        self._name = name
        self._kind = kind
        self._started = time.time_ns()
        # What log lines said before, as when a batch is taken apart within its own handling.
        self._told = {name: told for name, told in get_contextvars().items() if name in (*_ONE, *_SEVERAL)}
        self._opened: list[Opened] = []
        # By the identity of a message of the batch; those about no slide have none.
        self._of: dict[int, Opened] = {}
        for message in messages:
            self._receive(message)
        self._focus: Sequence[Opened] = tuple(self._opened)
        self._tell()

    def focus(self, message: object) -> None:
        """Handle this message of the batch from now on."""
        opened = self._of.get(id(message))
        self._focus = () if opened is None else (opened,)
        self._tell()

    def about(self, slide_id: str) -> None:
        """The work is about this slide."""
        self._focus = (self._in_trace_of(Subject(slide_id, "")),)
        self._tell()

    def addressed(self, output: Outgoing) -> Outgoing:
        """The message with this work named as its sender."""
        subject = subject_of(output.value)
        if not (subject.slide_id and self._opener.records):
            return output
        sender = self._in_trace_of(subject)
        return replace(output, headers={**output.headers, TRACEPARENT: traceparent(sender.context)})

    def note(self, **facts: Fact) -> None:
        """Add facts to the spans in focus."""
        for opened in self._focus:
            opened.span.set_attributes(named(facts))

    def failed(self, error: BaseException, code: str = "") -> None:
        """The work ended in an error. Only its class or `code` is told: its text may quote what no trace may hold."""
        for opened in self._opened:
            mark_failed(opened.span, code or type(error).__name__)

    @contextmanager
    def part(self, name: str, slide_id: str, facts: dict[str, Fact]) -> Iterator[Note]:
        """A span below the work's own, in the trace of `slide_id`, or of each slide in focus."""
        above = [self._in_trace_of(Subject(slide_id, ""))] if slide_id else _by_slide(self._focus)
        spans = [self._opener.open(name, one.context, SpanKind.INTERNAL, named(facts)) for one in above]

        def note(**more: Fact) -> None:
            for span in spans:
                span.set_attributes(named(more))

        with ExitStack() as ends:
            for span in spans:
                ends.callback(span.end)
            try:
                yield note
            except Exception as error:
                for span in spans:
                    mark_failed(span, type(error).__name__)
                raise

    def end(self) -> None:
        for opened in self._opened:
            opened.span.end()
        unbind_contextvars(*_ONE, *_SEVERAL)
        bind_contextvars(**self._told)

    def _receive(self, message: Received) -> None:
        subject = subject_of(message.value)
        if subject.slide_id:
            where = {"messaging.destination.name": message.topic, **message.origin}
            facts = {**_PROCESS, **where, **_facts_of(subject)}
            parent = parent_of(subject.slide_id, message.headers)
            span = self._opener.open(self._name, parent, self._kind, facts, self._started)
            self._of[id(message)] = Opened(subject, span)
            self._opened.append(self._of[id(message)])

    def _in_trace_of(self, subject: Subject) -> Opened:
        """The work's span in the slide's trace: the one in focus before others, made where there is none."""
        there = [opened for opened in (*self._focus, *self._opened) if opened.subject.slide_id == subject.slide_id]
        if there:
            return next((opened for opened in there if opened.subject == subject), there[0])
        parent, about = root_of(subject.slide_id), Subject(subject.slide_id, "")
        opened = Opened(about, self._opener.open(self._name, parent, self._kind, _facts_of(about), self._started))
        self._opened.append(opened)
        return opened

    def _tell(self) -> None:
        """Log lines name the slide in focus, with its trace and span."""
        unbind_contextvars(*_ONE, *_SEVERAL)
        told = [(opened.subject.slide_id, *ids(opened.context)) for opened in _by_slide(self._focus)]
        if len(told) == 1:
            bind_contextvars(**dict(zip(_ONE, told[0], strict=True)))
        elif told:
            bind_contextvars(**dict(zip(_SEVERAL, zip(*told, strict=True), strict=True)))


def subject_of(value: object) -> Subject:
    """The slide and tile that a message of services.kit.contracts is about."""
    slide = getattr(value, "slide", None)
    return Subject("" if slide is None else slide.slide_id, getattr(value, "tile_id", ""))


def named(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    """Facts under the names that attributes of Frottis have."""
    return {f"frottis.{name}": fact for name, fact in facts.items()}


def mark_failed(span: Span, kind: str) -> None:
    """The span is of something that failed, of this kind (https://opentelemetry.io/docs/specs/semconv/general/recording-errors)."""
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR))


def _facts_of(subject: Subject) -> dict[str, Fact]:
    return named({name: value for name, value in subject._asdict().items() if value})


def _by_slide(several: Sequence[Opened]) -> list[Opened]:
    """The first of each slide."""
    first: dict[str, Opened] = {}
    for opened in several:
        first.setdefault(opened.subject.slide_id, opened)
    return list(first.values())
