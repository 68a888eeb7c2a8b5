"""The table of codes (`codes.yaml`) with those of the classes of cells, read and checked at start."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from services.kit.classes import CellClasses, ErythrocyteClass, LeukocyteClass, Role, cell_classes
from services.lis.errors import CodesError

CODES = Path(__file__).resolve().parents[1] / "codes.yaml"
_LOINC = "https://loinc.org/"


def luhn_holds(loinc: str) -> bool:
    """Whether the check digit behind the dash is right (LOINC Users' Guide, Mod 10)."""
    number, _, check = loinc.partition("-")
    if not (number.isdigit() and check.isdigit() and len(check) == 1):
        return False
    doubled = [int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(number))]
    total = sum(value // 10 + value % 10 for value in doubled)
    return (10 - total % 10) % 10 == int(check)


def _checked(loinc: str) -> str:
    if not luhn_holds(loinc):
        raise ValueError(f"{loinc!r} is no LOINC code: its check digit does not hold")
    return loinc


Loinc = Annotated[str, AfterValidator(_checked)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str = Field(min_length=1, max_length=199)
    source: str = Field(min_length=1)


class Local(_Entry):
    """A code of ours."""

    code: str = Field(min_length=1, max_length=199)


class Universal(_Entry):
    """A LOINC code."""

    loinc: Loinc


class Wording(BaseModel):
    """What the note of a figure calls its counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    counted: str = "{numerator} of {denominator} counted"
    # What the interval is given in, where that is not the unit alone.
    per: str = ""

    @field_validator("counted")
    @classmethod
    def _names_both(cls, text: str) -> str:
        for name in ("{numerator}", "{denominator}"):
            if text.count(name) != 1:
                raise ValueError(f"{text!r} must hold {name} once")
        text.format(numerator=0, denominator=0)
        return text


class Counted(BaseModel):
    """What an ordinal observation says of a count: at least one, or none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    present: str
    absent: str


class Presence(Universal):
    """An ordinal observation beside a figure; it takes the grade, or what `counted` says of the numerator."""

    counted: Counted | None = None


class MeasureCode(_Entry):
    """How a measure is sent: exactly one of `loinc` and `code`. Without `unit`, the report's is sent as plain text."""

    loinc: Loinc | None = None
    code: str | None = None
    unit: str | None = None
    note: Wording = Wording()
    presence: Presence | None = None

    @model_validator(mode="after")
    def _one_code(self) -> "MeasureCode":
        if (self.loinc is None) == (self.code is None):
            raise ValueError("a measure has a loinc code or a code of ours, and not both")
        return self


class Codes(BaseModel):
    """The whole table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    local_system: str
    service: Local
    method: Local
    finding: Universal
    grades: Mapping[int, str]
    grades_source: str
    measures: Mapping[str, MeasureCode]


def read_codes(path: Path = CODES) -> Codes:
    """Raises CodesError naming what is wrong in the file, ClassesInvalid."""
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        codes = Codes.model_validate(content)
        return codes.model_copy(update={"measures": {**of_classes(cell_classes()), **codes.measures}})
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise CodesError(f"{path.name} cannot be used: {error}") from error


def of_classes(classes: CellClasses) -> dict[str, MeasureCode]:
    """The codes of each class's share of leukocytes or red cells. Raises ValidationError."""
    counted = {name: one for name, one in classes.leukocytes.items() if one.counts is Role.DIFFERENTIAL}
    return {
        **{f"differential.{name}": _of_leukocytes(name, one) for name, one in counted.items()},
        **{f"erythrocytes.{name}": _of_erythrocytes(name, one) for name, one in classes.erythrocytes.items()},
    }


def _of_leukocytes(name: str, one: LeukocyteClass) -> MeasureCode:
    text = f"{one.text}/100 leukocytes in Blood"
    if one.loinc is None:
        return MeasureCode(code=_own("WBC", name), text=text, unit="%", source="local")
    return MeasureCode(loinc=one.loinc, text=text, unit="%", source=_LOINC + one.loinc)


def _of_erythrocytes(name: str, one: ErythrocyteClass) -> MeasureCode:
    presence = None
    if one.loinc is not None:
        graded = f"{one.presence} [Presence] in Blood"
        presence = Presence(loinc=one.loinc, text=graded, source=_LOINC + one.loinc)
    text = f"{one.text}/100 erythrocytes"
    return MeasureCode(code=_own("RBC", name), text=text, unit="%", source="local", presence=presence)


def _own(cells: str, name: str) -> str:
    return f"{cells}-{name.upper().replace('_', '-')}"
