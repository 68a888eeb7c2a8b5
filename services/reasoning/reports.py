"""Reports as messages, and their ids."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from services.kit import contracts
from services.kit.contracts import (
    Decision,
    Field,
    Finding,
    Measure,
    Model,
    Place,
    Reading,
    Reason,
    Report,
    Slide,
    Target,
    TileCells,
)
from services.reasoning.accounts import Account
from services.reasoning.cells import Purpose
from services.reasoning.evidence import question
from services.reasoning.figures import Figure, Note
from services.reasoning.rules.book import Rule

# Characters of a text that others wrote part of: a unit, a file's name.
LONGEST_TEXT = 300


def read_report(
    readings: Sequence[Reading], tiles: Sequence[TileCells], account: Account, wanted: Mapping[Purpose, int]
) -> Report:
    """The report of a slide that was read; who decides adds the decision, the order and the moment."""
    report = Report(
        measures=map(_measure, account.figures),
        distributions=[contracts.Distribution(**asdict(one)) for one in account.distributions],
        findings=map(_finding, account.judgement.findings),
        targets=[Target(question=question(p), wanted=n, reached=account.reached[p]) for p, n in wanted.items()],
        fields=_fields(readings),
        models=_models(tiles),
        limitations=map(reason, account.limitations),
        missed_nuclei=[Place(x_um=x, y_um=y) for x, y in account.missed_nuclei],
    )
    if readings:
        report.film.CopyFrom(readings[0].film)
        report.scan.CopyFrom(readings[0].scan)
    return report


def identify(report: Report, evidence: bytes, reinstated: int) -> None:
    """Give the report its id: a function of slide, order and content, not of when it was decided or passed on.

    `evidence` (the cells of its measures) is content. So is `reinstated`, the revision of the order's word that took a
    cancellation back, 0 without one: what was told before counts as withdrawn with the order, and must be told again
    under another id, or its receivers would know it for a repetition.
    """
    content = Report()
    content.CopyFrom(report)
    content.slide.CopyFrom(Slide(slide_id=report.slide.slide_id, specimen=report.slide.specimen))
    for moment in ("decided_at", "report_id"):
        content.ClearField(moment)
    again = f"reinstated {reinstated}".encode() if reinstated else b""
    whole = b"".join([content.SerializeToString(deterministic=True), evidence, again])
    report.report_id = hashlib.sha256(whole).hexdigest()[:32]


def outcome(account: Account) -> Decision.ValueType:
    """The decision that a judgement comes to."""
    return Decision.DECISION_HELD if account.judgement.held else Decision.DECISION_RELEASED


def reason(note: Note) -> Reason:
    """A note as the contract says it, cut where it would fill more than a few lines of a report."""
    whole = len(note.text) <= LONGEST_TEXT
    return Reason(code=note.code, text=note.text if whole else f"{note.text[: LONGEST_TEXT - 1]}…")


def _measure(figure: Figure) -> Measure:
    return Measure(
        name=figure.name,
        numerator=figure.numerator,
        denominator=figure.denominator,
        value=figure.value,
        low=figure.low,
        high=figure.high,
        unit=figure.unit,
        withheld=reason(figure.withheld) if figure.withheld else None,
        grade=figure.grade,
        graded_value=figure.graded_value,
        denominator_unit=figure.denominator_unit,
    )


def _finding(rule: Rule) -> Finding:
    return Finding(rule_id=rule.rule_id, effect=rule.effect, text=rule.text, source=rule.source, measures=rule.measures)


def _fields(readings: Iterable[Reading]) -> list[Field]:
    """Each field once: read in the round that read it first, rejected when no round read it."""
    fields: dict[str, Field] = {}
    for reading in readings:
        for field in reading.fields:
            known = fields.get(field.field_id)
            if known is None or (known.HasField("rejected") and not field.HasField("rejected")):
                fields[field.field_id] = field
    return list(fields.values())


def _models(tiles: Iterable[TileCells]) -> list[Model]:
    models = {(m.name, m.version, m.sha256): m for tile in tiles for m in tile.models}
    return [models[key] for key in sorted(models)]
