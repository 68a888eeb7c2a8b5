"""Whether two PIDs are one patient."""

from collections.abc import Iterator

from services.lis.hl7.segments import Segment, text_of


def same_patient(one: Segment, other: Segment) -> bool:
    """Whether the two have an identifier (PID-3, CX) in common.

    A LIS adds identifiers and changes their order, so one in common is enough; the assigning authority (CX.4) must
    agree where both name one, because two authorities give the same number to two people.
    """
    theirs: dict[str, set[str]] = {}
    for number, authority in _identifiers(other):
        theirs.setdefault(number, set()).add(authority)
    return any(
        number in theirs and (not authority or not theirs[number].isdisjoint(("", authority)))
        for number, authority in _identifiers(one)
    )


def _identifiers(pid: Segment) -> Iterator[tuple[str, str]]:
    """Number and assigning authority."""
    pairs = ((text_of(repetition, 1), text_of(repetition, 4)) for repetition in pid.field(3))
    return ((number, authority) for number, authority in pairs if number)
