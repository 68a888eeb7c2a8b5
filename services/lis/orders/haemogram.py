"""OBX of an order: the analyser's haemogram, and how many leukocytes are to be differentiated."""

import re
from collections.abc import Iterator

from services.lis.hl7.faults import Fault, refuse
from services.lis.hl7.segments import Segment
from services.lis.orders.grouping import Group

LEUKOCYTES_WANTED = "WBC-DIFF-COUNT"
_MOST_LEUKOCYTES = 2000
# OBX-11 of values that do not hold: deleted, wrong, not obtainable (table 0085).
_VOID = ("D", "W", "X")
_NM = re.compile(r"[+-]?(?:\d{1,15}(?:\.\d{0,15})?|\.\d{1,15})", re.ASCII)


def haemogram(group: Group) -> tuple[tuple[str, float, str], ...]:
    """(LOINC code, value, unit) of every numeric observation with a LOINC code.

    Observations that are text, intervals (`<0.1`) or void are no haemogram; the LIS keeps them.
    """
    found = ((_loinc(obx), _number(obx), obx.text(6)) for obx in _valid(group))
    return tuple((code, value, unit) for code, value, unit in found if code and value is not None)


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


def _valid(group: Group) -> Iterator[Segment]:
    return (obx for obx in group.named("OBX") if obx.text(11) not in _VOID)


def _loinc(obx: Segment) -> str:
    """The code whose coding system is LN, given first or as the alternative."""
    pairs = ((obx.text(3, 1), obx.text(3, 3)), (obx.text(3, 4), obx.text(3, 6)))
    return next((code for code, system in pairs if system == "LN"), "")


def _number(obx: Segment) -> float | None:
    """OBX-5 as NM (HL7 v2.5.1 §2.A.47); None for anything else."""
    text = obx.text(5)
    return float(text) if _NM.fullmatch(text) else None
