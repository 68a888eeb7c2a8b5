"""What OBX-5 says of a result: a number, a bound, or nothing that is one."""

import re

from services.lis.hl7.segments import Segment

# NM has 16 characters (HL7 v2.5.1 §2.A.47); middleware that writes doubles in full needs more.
_NM = re.compile(r"[+-]?(?:\d{1,15}(?:\.\d{0,15})?|\.\d{1,15})", re.ASCII)
# Beside NM, what analysers write in texts: a comparator, a decimal comma.
_WRITTEN = re.compile(r"(<=|>=|<|>|=|) *(\d{1,15}(?:[.,]\d{0,15})?|[.,]\d{1,15})", re.ASCII)
# 4,200 is four thousand to one laboratory and 4.2 to another.
_AMBIGUOUS = re.compile(r"[1-9]\d{0,2},\d{3}", re.ASCII)
# A bound is not reached: "<4.0" is below 4.0 also for a rule that asks `< 4.0`, in whatever unit it is compared.
_STRICTLY = 1e-9
_SHIFTS = {"": 0.0, "=": 0.0, "<=": 0.0, ">=": 0.0, "<": -_STRICTLY, ">": _STRICTLY}


def number_of(obx: Segment) -> float | None:
    """OBX-5 as NM (HL7 v2.5.1 §2.A.47); None for anything else."""
    text = obx.text(5)
    return float(text) if _NM.fullmatch(text) else None


def measured(obx: Segment) -> float | None:
    """OBX-5 as the number that rules compare, whatever OBX-2 says; None for anything that cannot be told.

    A number with a point or a comma, or the bound of an interval to one side, `<0.5` as text or `<^0.5` as SN
    (§2.A.70): what is below 0.5 is told a little below it, what is above, a little above. Several values, ranges,
    ratios and a comma that may part thousands are not told.
    """
    if len(obx.field(5)) > 1:
        return None
    number = number_of(obx)
    if obx.text(2) == "SN" or obx.text(5) in _SHIFTS:
        return None if number is not None or obx.text(5, 3) else _written(obx.text(5) + obx.text(5, 2))
    return _written(obx.text(5)) if number is None else number


def _written(text: str) -> float | None:
    match = _WRITTEN.fullmatch(text)
    if match is None or _AMBIGUOUS.fullmatch(match[2]):
        return None
    return float(match[2].replace(",", ".")) * (1 + _SHIFTS[match[1]])
