"""The rules in force, checked when they are loaded: names, types, and every example."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.kit.yamlfile import read_table
from services.reasoning.errors import RuleDefect, RulesInvalid
from services.reasoning.facts import Fact, Facts
from services.reasoning.rules.conditions import Condition, ConditionCompiler
from services.reasoning.rules.shapes import Effect, Example, RuleFile, RuleText, Threshold

FOLDER = Path(__file__).parent / "files"


@dataclass(frozen=True)
class Rule:
    """A rule ready to be asked. `measures` are those that its facts are read from."""

    rule_id: str
    effect: Effect
    condition: Condition
    text: str
    source: str
    enabled: bool
    examples: Sequence[Example]
    measures: tuple[str, ...]


@dataclass(frozen=True)
class RuleBook:
    """Every rule, enabled or not, and the version that reports name: any byte of them or their tables changes it."""

    rules: tuple[Rule, ...]
    version: str

    def ask(self, facts: Facts) -> tuple[list[Rule], list[Rule]]:
        """The enabled rules that hold true of `facts`, the most serious effect first, and those that have no answer."""
        order = (Effect.CRITICAL, Effect.HOLD, Effect.FLAG, Effect.RELEASE)
        holding, defective = [], []
        for rule in (rule for rule in self.rules if rule.enabled):
            try:
                if rule.condition.holds(facts):
                    holding.append(rule)
            except RuleDefect:
                defective.append(rule)
        return sorted(holding, key=lambda rule: order.index(rule.effect)), defective


def load_rules(folder: Path, model: Mapping[str, Fact], tables: Sequence[Path] = ()) -> RuleBook:
    """The rules of all YAML files in `folder`; the version covers `tables` too, the data that their facts rest on.

    Raises RulesInvalid naming the rule, what is wrong and where.
    """
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise RulesInvalid(f"no rule files (*.yaml) in the folder {folder.name!r}: name the laboratory's rules folder")
    files = [read_table(RuleFile, path, RulesInvalid) for path in paths]
    compiler = ConditionCompiler(model, _thresholds(files))
    rules = tuple(_rule(text, compiler, model) for file in files for text in _expanded(file.rules))
    _unique(rule.rule_id for rule in rules)
    for rule in rules:
        _check_examples(rule, model)
    return RuleBook(rules, _version(files, [*paths, *tables]))


def _thresholds(files: Iterable[RuleFile]) -> dict[str, float]:
    named: list[tuple[str, Threshold]] = [item for file in files for item in file.thresholds.items()]
    _unique(name for name, _ in named)
    return {name: threshold.value for name, threshold in named}


def _expanded(rules: Iterable[RuleText]) -> Iterator[RuleText]:
    for rule in rules:
        for word in rule.each:
            yield _filled(rule, word)
        if not rule.each:
            yield rule


def _filled(rule: RuleText, word: str) -> RuleText:
    def fill(text: str) -> str:
        return text.replace("{each}", word)

    examples = [
        example.model_copy(update={"facts": {fill(name): value for name, value in example.facts.items()}})
        for example in rule.examples
    ]
    texts = {"condition": fill(rule.condition), "text": fill(rule.text), "id": f"{rule.id}.{word}"}
    return rule.model_copy(update={**texts, "examples": examples, "each": []})


def _rule(text: RuleText, compiler: ConditionCompiler, model: Mapping[str, Fact]) -> Rule:
    try:
        condition = compiler.compile(text.condition)
    except RulesInvalid as error:
        raise RulesInvalid(f"rule {text.id}: {error}") from error
    measures = tuple(dict.fromkeys(model[name].measure for name in condition.names if model[name].measure))
    effect = Effect(text.effect)
    return Rule(text.id, effect, condition, text.text, text.source, text.enabled, tuple(text.examples), measures)


def _check_examples(rule: Rule, model: Mapping[str, Fact]) -> None:
    for number, example in enumerate(rule.examples, 1):
        for name, value in example.facts.items():
            if name not in model:
                raise RulesInvalid(f"rule {rule.rule_id}, example {number}: no fact is called {name!r}")
            if not model[name].type.holds(value):
                raise RulesInvalid(
                    f"rule {rule.rule_id}, example {number}: {name} is a {model[name].type}, not {value}"
                )
        if missing := [n for n in rule.condition.names if not model[n].optional and n not in example.facts]:
            raise RulesInvalid(f"rule {rule.rule_id}, example {number} lacks {', '.join(missing)}")
        if bool(rule.condition.holds(example.facts)) is not example.expected:
            raise RulesInvalid(f"rule {rule.rule_id}, example {number}: the condition does not give what is expected")
    if {example.expected for example in rule.examples} != {True, False}:
        raise RulesInvalid(f"rule {rule.rule_id}: give an example for which it holds and one for which it does not")


def _unique(names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise RulesInvalid(f"{name!r} is used twice in the rule files")
        seen.add(name)


def _version(files: Sequence[RuleFile], paths: Sequence[Path]) -> str:
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()
    versions = sorted({file.version for file in files})
    if len(versions) != 1:
        raise RulesInvalid(f"the rule files are of versions {', '.join(versions)}: give all of them the same")
    return f"{versions[0]}+{digest[:12]}"
