"""From the measures and findings of a report to observations: which code, which value, which note."""

from collections.abc import Iterator
from dataclasses import dataclass

from services.kit.contracts import Measure, Report
from services.lis.errors import NotExpressible
from services.lis.hl7.segments import Parts
from services.lis.reports.codes import Codes, MeasureCode, Universal
from services.lis.reports.figures import basis, decimals, is_count, written
from services.lis.reports.texts import LONGEST_NUMBER, MOST_OBSERVATIONS, clipped, whole

# Coding systems (HL7 v2.5.1 table 0396).
LOINC, UCUM = "LN", "UCUM"


@dataclass(frozen=True)
class Observation:
    """An OBX without its place and status: `kind` is OBX-2 (NM, ST, TX), empty when there is no value (OBX-11 X)."""

    concept: tuple[str, str, str]
    kind: str
    value: str = ""
    unit: Parts = ""
    note: str = ""
    # OBX-4, where one code stands several times.
    sub_id: str = ""


def observations(report: Report, codes: Codes) -> Iterator[Observation]:
    """Every measure, known to the table or not, then every finding. Raises NotExpressible."""
    if len(report.measures) + len(report.findings) > MOST_OBSERVATIONS:
        raise NotExpressible(f"more than {MOST_OBSERVATIONS} measures and findings: the report is not sent")
    for measure in report.measures:
        code = codes.measures.get(measure.name) or _unlisted(measure)
        yield _figure(measure, code, codes)
        ordinal = _presence(measure, code, codes)
        if ordinal is not None:
            yield ordinal
    for number, finding in enumerate(report.findings, 1):
        rule = f" (rule {whole(finding.rule_id, 'the name of a rule')}, {whole(finding.effect, 'an effect')})"
        text = clipped(finding.text) + rule
        yield Observation(_universal(codes.finding), "TX", text, sub_id=str(number))


def _figure(measure: Measure, code: MeasureCode, codes: Codes) -> Observation:
    concept = _concept(code, codes)
    if is_count(measure):
        count = whole(str(measure.numerator), "a count", LONGEST_NUMBER)
        return Observation(concept, "NM", count, _unit(measure, code), basis(measure, code.note))
    if not measure.HasField("value"):
        return Observation(concept, "", note=clipped(measure.withheld.text) or "no value was obtained")
    value = written(measure.value, decimals(measure))
    return Observation(concept, "NM", value, _unit(measure, code), basis(measure, code.note))


def _presence(measure: Measure, code: MeasureCode, codes: Codes) -> Observation | None:
    """The ordinal observation, where the report grades or counts it and does not withhold it."""
    presence = code.presence
    if presence is None or measure.HasField("withheld"):
        return None
    if measure.HasField("grade"):
        return Observation(_universal(presence), "ST", _grade(measure, codes), note=_graded(measure))
    if presence.counted is not None:
        seen = presence.counted.present if measure.numerator else presence.counted.absent
        return Observation(_universal(presence), "ST", seen)
    return None


def _grade(measure: Measure, codes: Codes) -> str:
    if measure.grade not in codes.grades:
        raise NotExpressible(f"{measure.name} has grade {measure.grade}, which the table of codes does not know")
    return codes.grades[measure.grade]


def _graded(measure: Measure) -> str:
    """Of which share the grade is, where that is not the one that was read."""
    if not measure.HasField("graded_value"):
        return ""
    return f"grade of {written(measure.graded_value, 1)} %, the share without what is misread"


def _unlisted(measure: Measure) -> MeasureCode:
    """A measure that the table does not know is sent under its own name, never left out."""
    if not 0 < len(measure.name) < 200:
        raise NotExpressible("a measure has no usable name: the report is not sent")
    return MeasureCode(code=measure.name, text=measure.name, source="the report")


def _concept(code: MeasureCode, codes: Codes) -> tuple[str, str, str]:
    if code.loinc is not None:
        return code.loinc, code.text, LOINC
    return code.code or "", code.text, codes.local_system


def _universal(entry: Universal) -> tuple[str, str, str]:
    return entry.loinc, entry.text, LOINC


def _unit(measure: Measure, code: MeasureCode) -> Parts:
    """The report's unit, as UCUM where the table confirms it: a number is never relabelled."""
    if code.unit is not None and measure.unit in ("", code.unit):
        return code.unit, code.unit, UCUM
    return whole(measure.unit, "a unit")
