"""Conditions in CEL (google/cel-spec), through cel-expr-python. Types are checked when a condition is compiled.

A name that the model lacks does not compile. A fact that is optional and absent makes CEL answer with an error, which
`||` and `&&` absorb where the other side decides (CEL specification, "Logical operators"); what is left of it means
that the condition cannot be told, and a rule whose condition cannot be told does not hold.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cel_expr_python import cel

from services.reasoning.errors import RuleDefect, RulesInvalid
from services.reasoning.facts import Fact, Facts, FactType

_TYPES = {FactType.BOOL: cel.Type.BOOL, FactType.INT: cel.Type.INT, FactType.DOUBLE: cel.Type.DOUBLE}
_TEXT = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


@dataclass(frozen=True)
class Condition:
    """A compiled condition and the facts that it names."""

    text: str
    names: tuple[str, ...]
    optional: frozenset[str]
    _expression: Any
    _thresholds: Mapping[str, float]

    def holds(self, facts: Facts) -> bool | None:
        """Whether the condition holds; None when that cannot be told because optional facts are absent.

        Raises RuleDefect for any other failure.
        """
        given = {name: facts[name] for name in self.names if name in facts}
        answer = self._expression.eval(data={**given, **self._thresholds})
        value = answer.plain_value()
        if isinstance(value, bool):
            return value
        if any(name not in facts for name in self.optional):
            return None
        raise RuleDefect(f"the condition {self.text!r} gave {value!r}")


class ConditionCompiler:
    """Compiles conditions over one fact model and its thresholds (`threshold.<name>`, numbers of the rule file)."""

    def __init__(self, model: Mapping[str, Fact], thresholds: Mapping[str, float]) -> None:
        self._model = model
        names = {fact.name: _TYPES[fact.type] for fact in model.values()}
        self._environment = cel.NewEnv(variables=names | {f"threshold.{name}": cel.Type.DOUBLE for name in thresholds})
        self._thresholds = {f"threshold.{name}": value for name, value in thresholds.items()}

    def compile(self, text: str) -> Condition:
        """Raises RulesInvalid saying where the condition is wrong: syntax, an unknown name, types that do not fit."""
        try:
            expression = self._environment.compile(text)
        except RuntimeError as error:
            raise RulesInvalid(f"condition {text!r}: {_first_line(error)}") from error
        if expression.return_type() != cel.Type.BOOL:
            raise RulesInvalid(f"condition {text!r} is a {expression.return_type().name()}, not true or false")
        names = _names(text)
        facts = tuple(name for name in names if name in self._model)
        used = {name: value for name, value in self._thresholds.items() if name in names}
        optional = frozenset(name for name in facts if self._model[name].optional)
        return Condition(text, facts, optional, expression, used)


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_NAME.findall(_TEXT.sub(" ", text))))


def _first_line(error: RuntimeError) -> str:
    return str(error).splitlines()[0].removeprefix("INVALID_ARGUMENT: ERROR: <input>:")
