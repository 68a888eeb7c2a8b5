"""The shape of an OML^O21: one patient, then groups that each begin with ORC (HL7 v2.5.1 §4.4.6), read leniently.

An order may be followed by results of earlier orders (PRIOR_RESULT: PATIENT_PRIOR, ORDER_PRIOR). They have a PID, an
ORC with PR or an OBR of their own: what is asked today ends there, and nothing behind it is read.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from services.lis.hl7.faults import Fault, Location, refuse
from services.lis.hl7.message import Message
from services.lis.hl7.segments import Segment
from services.lis.orders.identity import same_patient
from services.lis.orders.limits import overlong

# ORC-1 of results that the LIS sends along from earlier orders.
_PRIOR = "PR"
# Segments that an answer may have to point at.
_CITED = ("PID", "PV1", "ORC", "TQ1", "OBR", "OBX", "SPM", "SAC")


@dataclass(frozen=True)
class Group:
    """An ORC and what is asked by it; `before` counts the cited segments of each name that stand in front of it."""

    segments: tuple[Segment, ...]
    before: Mapping[str, int]

    @property
    def orc(self) -> Segment:
        return self.segments[0]

    def first(self, name: str) -> Segment:
        """The first segment of that name; an empty one when there is none."""
        return next(self.named(name), Segment(name, ()))

    def named(self, name: str) -> Iterator[Segment]:
        return (segment for segment in self.segments if segment.name == name)

    def place(self, name: str, field: int, component: int = 0, nth: int = 1) -> Location:
        """Where in the message the group's `nth` segment of that name stands."""
        return Location(name, self.before.get(name, 0) + nth, field, component)


def patient_of(message: Message) -> tuple[Segment, ...]:
    """PID, and PV1 where there is one: what stands in front of the first ORC.

    Raises Refused (AE) without a PID, without an identifier in it, or when a second patient appears anywhere.
    """
    front = message.segments[: next(_starts(message), len(message.segments))]
    pid = next((segment for segment in front if segment.name == "PID"), None)
    if pid is None:
        raise refuse("AE", Fault("100", Location("PID"), "an order needs its patient: no report is sent without one"))
    visit = [segment for segment in front if segment.name == "PV1"][:1]
    if faults := [fault for kept in (pid, *visit) for fault in overlong(kept, partial(Location, kept.name, 1))]:
        raise refuse("AE", *faults)
    if not pid.text(3):
        raise refuse("AE", Fault("101", Location("PID", 1, 3, 1), "an order needs a patient identifier"))
    for number, other in enumerate(message.named("PID"), 1):
        if not same_patient(other, pid):
            fault = Fault("100", Location("PID", number, 3), "one message carries the orders of one patient")
            raise refuse("AE", fault)
    return (pid, *visit)


def groups_of(message: Message) -> list[Group]:
    """The order groups, without prior results. Raises Refused (AE) when none is left, or when one is out of order."""
    starts = list(_starts(message))
    ends = [*starts, len(message.segments)][1:]
    seen = Counter(segment.name for segment in message.segments[: starts[0]]) if starts else Counter[str]()
    groups: list[Group] = []
    for start, end in zip(starts, ends, strict=True):
        segments = message.segments[start:end]
        if segments[0].text(1) != _PRIOR:
            groups.append(_todays(segments, {name: seen[name] for name in _CITED}))
        seen.update(segment.name for segment in segments)
    if not groups:
        raise refuse("AE", Fault("100", Location("ORC"), "the message orders nothing: it holds no ORC"))
    return groups


def _starts(message: Message) -> Iterator[int]:
    return (index for index, segment in enumerate(message.segments) if segment.name == "ORC")


def _todays(segments: tuple[Segment, ...], before: Mapping[str, int]) -> Group:
    """The group up to its prior results. A specimen behind them might be another one: such a group is refused."""
    ends = [i for i, segment in enumerate(segments) if segment.name == "PID"]
    ends += [i for i, segment in enumerate(segments) if segment.name == "OBR"][1:]
    end = min(ends, default=len(segments))
    group = Group(segments[:end], before)
    late = next((segment.name for segment in segments[end:] if segment.name in ("SPM", "SAC")), None)
    if late is not None:
        where = group.place(late, 0, nth=1 + sum(1 for _ in group.named(late)))
        raise refuse("AE", Fault("100", where, "the specimen of an order stands before a second OBR, or a PID"))
    return group
