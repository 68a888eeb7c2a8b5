"""How figures are written: no digit more than the count carries, none less than one cell needs."""

import math

from services.kit.contracts import Measure
from services.lis.errors import NotExpressible
from services.lis.reports.codes import Wording
from services.lis.reports.texts import LONGEST_NUMBER, whole


def decimals(measure: Measure) -> int:
    """Digits behind the point: one, or as many as let one cell of the denominator be seen; none where there is none."""
    if measure.denominator <= 1:
        return 0
    return max(1, math.ceil(math.log10(measure.denominator)) - 2)


def written(value: float, digits: int) -> str:
    """`value` as NM. Raises NotExpressible for what is no number, or longer than NM."""
    if not math.isfinite(value):
        raise NotExpressible("a measure has a value that is no number: the report is not sent")
    return whole(f"{value:.{digits}f}", "a number", LONGEST_NUMBER)


def is_count(measure: Measure) -> bool:
    """A measure with neither a value nor a reason for having none is its numerator."""
    return not measure.HasField("value") and not measure.HasField("withheld")


def basis(measure: Measure, wording: Wording) -> str:
    """What was counted of what, and the exact 95 % interval, as a note; empty without a denominator."""
    if measure.denominator <= 1:
        return ""
    counted = wording.counted.format(numerator=measure.numerator, denominator=measure.denominator)
    if not (measure.HasField("low") and measure.HasField("high")):
        return counted
    digits = decimals(measure)
    limits = f"{written(measure.low, digits)} to {written(measure.high, digits)}"
    return f"{counted}; 95 % interval {limits}{f' {wording.per}' if wording.per else ''}"
