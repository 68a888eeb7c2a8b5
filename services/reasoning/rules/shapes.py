"""What a rule file looks like."""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Effect(StrEnum):
    """What follows when a rule holds true."""

    # A person reads it in the report.
    FLAG = "flag"
    # The slide is held: a person must look before values go out.
    HOLD = "hold"
    # Held as well, and to be told at once (the laboratory's critical list).
    CRITICAL = "critical"
    # The values are final without a person's signature, if nothing holds the slide.
    RELEASE = "release"


class Shape(BaseModel):
    """Part of a rule file: unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Threshold(Shape):
    """A number that conditions use as `threshold.<name>`."""

    value: float
    unit: str
    source: str = Field(min_length=10)


class Example(Shape):
    """Facts, and whether the rule holds true of them. Facts that matter to no part of the condition are left out."""

    facts: Mapping[str, bool | int | float]
    expected: bool


class RuleText(Shape):
    """A rule as written. With `each`, one rule for every word of the list, which stands for `{each}` in all texts."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    effect: str = Field(pattern="^(flag|hold|critical|release)$")
    condition: str
    text: str = Field(min_length=10)
    source: str = Field(min_length=5)
    examples: list[Example] = Field(min_length=2)
    each: list[str] = []
    enabled: bool = True


class RuleFile(Shape):
    """One YAML file of rules."""

    version: str
    thresholds: Mapping[str, Threshold] = {}
    rules: list[RuleText]
