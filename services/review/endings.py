"""The root of a slide's trace: from its scan to its end, told once, by the service that hears of every end."""

from datetime import datetime

from services.kit.clock import Clock, from_timestamp
from services.kit.contracts import Priority
from services.kit.stages import stage_name
from services.kit.tracing.tracer import ServiceTracer
from services.review.worklist import Settled, Worklist


class Endings:
    """To be asked after each word on a slide."""

    def __init__(self, worklist: Worklist, tracer: ServiceTracer, clock: Clock) -> None:
        self._worklist = worklist
        self._tracer = tracer
        self._clock = clock

    def look(self, slide_id: str) -> None:
        """Tell the slide's trace that it has ended, if it has; an end is told only once, also after a new start."""
        settled = self._worklist.newly_settled(slide_id) if slide_id else None
        if settled is None:
            return
        entry, moments = settled.entry, _moments(settled)
        start = entry.completed or entry.first_seen
        # What was decided nowhere, such as a scan that is held without an order, ended when it was heard of.
        end = max(moments.values(), default=self._clock.now())
        facts = {"outcome": str(entry.standing.state), "reason": entry.standing.code, "priority": _priority(settled)}
        told = {name: fact for name, fact in facts.items() if fact}
        self._tracer.slide(slide_id, start, max(start, end), moments=moments, **told)


def _moments(settled: Settled) -> dict[str, datetime]:
    stages = settled.slide.milestones if settled.slide else ()
    return {stage_name(milestone.stage): from_timestamp(milestone.at) for milestone in stages}


def _priority(settled: Settled) -> str:
    return Priority.Name(settled.slide.priority).removeprefix("PRIORITY_").lower() if settled.slide else ""
