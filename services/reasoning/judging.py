"""From rules that hold true to a decision: released, or held for a person."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.reasoning.facts import Facts
from services.reasoning.figures import Note
from services.reasoning.rules.book import Rule, RuleBook
from services.reasoning.rules.shapes import Effect

HOLDING = frozenset({Effect.HOLD, Effect.CRITICAL})


@dataclass(frozen=True)
class Judgement:
    """What the rules say of a slide. `final`: an explicit release rule makes the values final."""

    held: bool
    final: bool
    reasons: tuple[Note, ...]
    findings: tuple[Rule, ...]


def judge(book: RuleBook, facts: Facts) -> Judgement:
    """A slide is held when a rule holds it or cannot be evaluated, and released otherwise."""
    holding, defective = book.ask(facts)
    against = [rule for rule in holding if rule.effect in HOLDING]
    release = [] if against or defective else [rule for rule in holding if rule.effect is Effect.RELEASE]
    return Judgement(
        held=bool(against or defective),
        final=bool(release),
        reasons=(*map(_note, against), *map(_defect, defective)) or _released(release),
        findings=tuple(rule for rule in holding if rule.effect is not Effect.RELEASE),
    )


def _released(release: Sequence[Rule]) -> tuple[Note, ...]:
    if release:
        return tuple(_note(rule) for rule in release)
    return (Note("nothing_holds", "No rule holds the slide; its values are preliminary until a person signs them."),)


def _note(rule: Rule) -> Note:
    return Note(rule.rule_id, rule.text)


def _defect(rule: Rule) -> Note:
    text = f"The rule {rule.rule_id} could not be evaluated for this slide: mend it, so that it can for every slide."
    return Note("rule_defect", text)
