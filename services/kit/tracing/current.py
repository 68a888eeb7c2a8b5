"""What service code says of the work it is at. Without such work, as in most tests, it says it to nobody."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeAlias

Fact: TypeAlias = str | int | float | bool
# Adds facts to a span that is open.
Note: TypeAlias = Callable[..., None]


class Current(Protocol):
    """The work of this thread, as `services.kit.tracing.work.Work` keeps it."""

    def focus(self, message: object) -> None: ...

    def part(self, name: str, slide_id: str, facts: dict[str, Fact]) -> AbstractContextManager[Note]: ...


_CURRENT: ContextVar[Current | None] = ContextVar("work", default=None)


@contextmanager
def working(current: Current) -> Iterator[None]:
    """Within, `current` is the work of this thread."""
    token = _CURRENT.set(current)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def focus(message: object) -> None:
    """From now on this message of the batch is handled: what is logged and sent is its doing."""
    current = _CURRENT.get()
    if current is not None:
        current.focus(message)


@contextmanager
def span(name: str, slide_id: str = "", **facts: Fact) -> Iterator[Note]:
    """A part of the work, in the trace of `slide_id`, or of every slide that is in focus.

    Facts are counts, names of models and the like: never a patient, a specimen or the text of an error.
    """
    current = _CURRENT.get()
    if current is None:
        yield _to_nobody
        return
    with current.part(name, slide_id, facts) as note:
        yield note


def _to_nobody(**_facts: Fact) -> None: ...
