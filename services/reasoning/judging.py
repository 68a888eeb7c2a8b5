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
    """A slide is held when a rule holds it, and released otherwise. Raises RuleDefect."""
    holding = book.holding(facts)
    against = [rule for rule in holding if rule.effect in HOLDING]
    release = [] if against else [rule for rule in holding if rule.effect is Effect.RELEASE]
    return Judgement(
        held=bool(against),
        final=bool(release),
        reasons=tuple(_note(rule) for rule in against) or _released(release),
        findings=tuple(rule for rule in holding if rule.effect is not Effect.RELEASE),
    )


def _released(release: Sequence[Rule]) -> tuple[Note, ...]:
    if release:
        return tuple(_note(rule) for rule in release)
    return (Note("nothing_holds", "No rule holds the slide; its values are preliminary until a person signs them."),)


def _note(rule: Rule) -> Note:
    return Note(rule.rule_id, rule.text)
