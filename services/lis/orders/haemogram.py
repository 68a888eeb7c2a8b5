"""OBX of an order: the analyser's haemogram, and how many leukocytes are to be differentiated."""

import re

from services.lis.hl7.faults import Fault, refuse
from services.lis.hl7.segments import Segment
from services.lis.orders.grouping import Group

LEUKOCYTES_WANTED = "WBC-DIFF-COUNT"
_MOST_LEUKOCYTES = 2000
# OBX-11 of values that do not hold: deleted, wrong, not obtainable (table 0085).
_VOID = ("D", "W", "X")
# NM has 16 characters (HL7 v2.5.1 §2.A.47); middleware that writes doubles in full needs more.
_NM = re.compile(r"[+-]?(?:\d{1,15}(?:\.\d{0,15})?|\.\d{1,15})", re.ASCII)
_LONGEST_NM = 32
# CE.1 and CE.2 (HL7 v2.5.1 §2.A.3).
_LONGEST_CODE, _LONGEST_UNIT = 20, 199


def haemogram(group: Group) -> tuple[tuple[str, float, str], ...]:
    """(LOINC code, value, unit) of every numeric observation with a LOINC code, the first of each code.

    Observations that are text, intervals (`<0.1`) or void are no haemogram; the LIS keeps them. Raises Refused (AE) for
    a number, code or unit that is longer than any.
    """
    found: dict[str, tuple[str, float, str]] = {}
    for nth, obx in enumerate(group.named("OBX"), 1):
        code, value = _loinc(obx), _number(obx)
        if obx.text(11) in _VOID or not code:
            continue
        _check_lengths(group, nth, obx, code)
        if value is not None:
            found.setdefault(code, (code, value, obx.text(6)))
    return tuple(found.values())


def leukocytes_wanted(group: Group) -> int:
    """OBX with the code WBC-DIFF-COUNT; 0 when there is none. Raises Refused (AE) when its value is no usable count."""
    for nth, obx in enumerate(group.named("OBX"), 1):
        if obx.text(3) == LEUKOCYTES_WANTED and obx.text(11) not in _VOID:
            value = _number(obx)
            if value is None or not 1 <= value <= _MOST_LEUKOCYTES or value != int(value):
                where = group.place("OBX", 5, nth=nth)
                raise refuse("AE", Fault("102", where, f"give a whole number of cells from 1 to {_MOST_LEUKOCYTES}"))
            return int(value)
    return 0


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
    """The code whose coding system is LN, given first or as the alternative."""
    pairs = ((obx.text(3, 1), obx.text(3, 3)), (obx.text(3, 4), obx.text(3, 6)))
    return next((code for code, system in pairs if system == "LN"), "")


def _number(obx: Segment) -> float | None:
    """OBX-5 as NM (HL7 v2.5.1 §2.A.47); None for anything else."""
    text = obx.text(5)
    return float(text) if _NM.fullmatch(text) else None
