"""How long what an order says may be: what is read of it, and what is kept with it to be said again in the report.

The lengths are those of the data types in HL7 v2.5.1 chapter 2A (HD 227, CX 1913, XPN 1103, EI 427, EIP 855, CE 483,
XCN 3002) and of OBX-5 (§7.4.2, 99999). They hold for one repetition.
"""

from collections.abc import Callable

from services.lis.hl7.faults import Fault, Location
from services.lis.hl7.segments import Repetition, Segment

_LENGTHS = {
    "MSH": dict.fromkeys((3, 4, 5, 6), 227),
    "PID": {3: 1913, 5: 1103},
    "ORC": {2: 427, 3: 427},
    "OBR": {2: 427, 3: 427, 4: 483},
    "OBX": {3: 483, 5: 99999, 6: 483},
    "SPM": {2: 855},
}
# XCN: no type of these segments is longer.
_LONGEST = 3002
# The standard sets no number of repetitions.
_MOST_REPETITIONS = 100
# Segments of which some fields are read and none is kept: the others may hold what they like.
_READ_IN_PART = ("MSH", "OBX")


def overlong(segment: Segment, place: Callable[[int], Location]) -> list[Fault]:
    """A fault for every field that is too long. `place` tells where field n of the segment stands."""
    known = _LENGTHS.get(segment.name, {})
    faults = []
    for number, field in enumerate(segment.fields, 1):
        if number not in known and segment.name in _READ_IN_PART:
            continue
        longest = known.get(number, _LONGEST)
        if len(field) > _MOST_REPETITIONS and segment.name not in _READ_IN_PART:
            faults.append(Fault("102", place(number), f"the field repeats more than {_MOST_REPETITIONS} times"))
        elif any(_length(repetition) > longest for repetition in field):
            faults.append(Fault("102", place(number), f"the field is longer than {longest} characters"))
    return faults


def _length(repetition: Repetition) -> int:
    """Characters of the values and of the delimiters between them."""
    return sum(len(text) + 1 for component in repetition for text in component) - 1
