"""The shape of an OML^O21: one patient, then groups that each begin with ORC (HL7 v2.5.1 §4.4.6), read leniently."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from services.lis.hl7.faults import Fault, Location, refuse
from services.lis.hl7.message import Message
from services.lis.hl7.segments import Segment

# ORC-1 of results that the LIS sends along from earlier orders.
_PRIOR = "PR"


@dataclass(frozen=True)
class Group:
    """An ORC and what follows it; `before` counts the segments of each name that stand in front of it."""

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


def patient_of(message: Message) -> Segment:
    """The PID. Raises Refused (AE) without one, without an identifier in it, or when a second patient appears."""
    pids = list(message.named("PID"))
    if not pids:
        raise refuse("AE", Fault("100", Location("PID"), "an order needs its patient: no report is sent without one"))
    if not pids[0].text(3):
        raise refuse("AE", Fault("101", Location("PID", 1, 3, 1), "an order needs a patient identifier"))
    if any(pid.text(3) != pids[0].text(3) for pid in pids):
        raise refuse("AE", Fault("100", Location("PID", 2, 3), "one message carries the orders of one patient"))
    return pids[0]


def groups_of(message: Message) -> list[Group]:
    """The order groups, without those of prior results. Raises Refused (AE) when none is left."""
    starts = [index for index, segment in enumerate(message.segments) if segment.name == "ORC"]
    ends = [*starts, len(message.segments)][1:]
    groups = [Group(message.segments[a:b], _counts(message.segments[:a])) for a, b in zip(starts, ends, strict=True)]
    asked = [group for group in groups if group.orc.text(1) != _PRIOR]
    if not asked:
        raise refuse("AE", Fault("100", Location("ORC"), "the message orders nothing: it holds no ORC"))
    return asked


def _counts(segments: tuple[Segment, ...]) -> Mapping[str, int]:
    return Counter(segment.name for segment in segments)
