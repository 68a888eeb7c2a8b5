"""OBX of an order: the analyser's haemogram, and how many leukocytes are to be differentiated."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.lis.hl7.faults import Fault, refuse
from services.lis.hl7.segments import Segment
from services.lis.orders.grouping import Group
from services.lis.orders.model import Analysed
from services.lis.orders.numbers import measured, number_of

LEUKOCYTES_WANTED = "WBC-DIFF-COUNT"
_MOST_LEUKOCYTES = 2000
# OBX-11 of values that do not hold: deleted, wrong, not obtainable (table 0085).
_VOID = ("D", "W", "X")
# OBX-11 of what is no result yet, or repeats none: pending, not asked, order only, status alone.
_WITHOUT_VALUE = ("I", "N", "O", "U")
_CORRECTED = "C"
# Final, as far as a sender says so; anything else is preliminary.
_FINAL = ("F", "U", "")
# Table 0396 has LN.
_LOINC_SYSTEMS = ("LN", "LOINC")
_LOINC = re.compile(r"\d{1,5}-\d", re.ASCII)
_LONGEST_NM = 32
# CE.1 and CE.2 (HL7 v2.5.1 §2.A.3).
_LONGEST_CODE, _LONGEST_UNIT = 20, 199


@dataclass(frozen=True)
class _Result:
    code: str
    status: str
    value: float | None
    unit: str

    @property
    def rank(self) -> int:
        """A corrected result replaces a final one, and that a preliminary one."""
        return 2 if self.status == _CORRECTED else int(self.status in _FINAL)


def haemogram(group: Group) -> Analysed:
    """Every observation with a LOINC code: of one code those that count, and whether any of these cannot be read.

    Corrected results count before final, final before preliminary ones; among several, the first, of corrected ones the
    last. Void ones are no results. A code that has the form of LOINC's under the name of another system cannot be read:
    its value may be another quantity. Raises Refused (AE) for a number, code or unit that is longer than any.
    """
    found: dict[str, list[_Result]] = {}
    for result in _results(group):
        found.setdefault(result.code, []).append(result)
    counting = [_counting(results) for results in found.values()]
    return Analysed(
        results=tuple(told for results in counting for told in _told(results)),
        unread=tuple(results[0].code for results in counting if any(result.value is None for result in results)),
    )


def leukocytes_wanted(group: Group) -> int:
    """OBX with the code WBC-DIFF-COUNT; 0 when there is none. Raises Refused (AE) when its value is no usable count."""
    for nth, obx in enumerate(group.named("OBX"), 1):
        if obx.text(3) == LEUKOCYTES_WANTED and obx.text(11) not in _VOID:
            value = number_of(obx)
            if value is None or not 1 <= value <= _MOST_LEUKOCYTES or value != int(value):
                where = group.place("OBX", 5, nth=nth)
                raise refuse("AE", Fault("102", where, f"give a whole number of cells from 1 to {_MOST_LEUKOCYTES}"))
            return int(value)
    return 0


def _results(group: Group) -> Iterator[_Result]:
    for nth, obx in enumerate(group.named("OBX"), 1):
        code, status = _loinc(obx), obx.text(11)
        if status in _VOID:
            continue
        if code:
            _check_lengths(group, nth, obx, code)
        if not obx.text(5) and not obx.text(5, 2) and status in _WITHOUT_VALUE:
            continue
        if code:
            yield _Result(code, status, measured(obx), obx.text(6))
        elif claimed := _claimed(obx):
            yield _Result(claimed, status, None, "")


def _counting(results: Sequence[_Result]) -> Sequence[_Result]:
    rank = max(result.rank for result in results)
    return [result for result in results if result.rank == rank]


def _told(results: Sequence[_Result]) -> Iterator[tuple[str, float, str]]:
    """The one of several that counts, where any can be read."""
    values = [(result.code, result.value, result.unit) for result in results if result.value is not None]
    if values:
        yield values[-1 if results[0].status == _CORRECTED else 0]


def _check_lengths(group: Group, nth: int, obx: Segment, code: str) -> None:
    numeric = obx.text(2) == "NM"
    faults = [
        Fault("102", group.place("OBX", field, nth=nth), f"longer than {longest} characters")
        for field, length, longest in (
            (3, len(code), _LONGEST_CODE),
            (5, len(obx.text(5)) if numeric else 0, _LONGEST_NM),
            (6, len(obx.text(6)), _LONGEST_UNIT),
        )
        if length > longest
    ]
    if faults:
        raise refuse("AE", *faults)


def _loinc(obx: Segment) -> str:
    """The code whose coding system is LOINC's, given first or as the alternative."""
    return next((code for code, system in _codes(obx) if system.upper() in _LOINC_SYSTEMS), "")


def _claimed(obx: Segment) -> str:
    """A code of the form of LOINC's whose coding system is another, or not said."""
    return next((code for code, _ in _codes(obx) if _LOINC.fullmatch(code)), "")


def _codes(obx: Segment) -> tuple[tuple[str, str], ...]:
    return (obx.text(3, 1), obx.text(3, 3)), (obx.text(3, 4), obx.text(3, 6))
