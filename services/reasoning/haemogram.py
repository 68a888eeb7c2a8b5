"""The analyser's haemogram under the names and units that rules use."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

from services.kit.yamlfile import read_table
from services.reasoning.errors import TablesInvalid
from services.reasoning.figures import Note

FILE = Path(__file__).parent / "data" / "haemogram.yaml"


class Analyte(BaseModel):
    """What a name stands for: its LOINC codes, the most trusted first, and the unit rules see it in (UCUM)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    loinc: tuple[str, ...]
    unit: str
    meaning: str


class HaemogramTable(BaseModel):
    """Analytes by name, and for each of their units what other units are worth in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    analytes: Mapping[str, Analyte]
    units: Mapping[str, Mapping[str, float]]

    @classmethod
    def load(cls, file: Path = FILE) -> Self:
        """The table in `file`. Raises TablesInvalid."""
        return read_table(cls, file, TablesInvalid)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if unknown := {a.unit for a in self.analytes.values()} - set(self.units):
            raise ValueError(f"units without an entry under units: {', '.join(sorted(unknown))}")
        codes = [code for analyte in self.analytes.values() for code in analyte.loinc]
        if twice := {code for code in codes if codes.count(code) > 1}:
            raise ValueError(f"LOINC codes of two analytes: {', '.join(sorted(twice))}")
        return self


@dataclass(frozen=True)
class Result:
    """One result as the LIS sent it."""

    loinc: str
    value: float
    unit: str


@dataclass(frozen=True)
class Haemogram:
    """Values by name in the table's units, and what of it could not be used."""

    values: Mapping[str, float]
    unusable: tuple[Note, ...]


def read_haemogram(results: Iterable[Result], table: HaemogramTable, unread: Collection[str] = ()) -> Haemogram:
    """The results that rules may use. A result in a unit that the table lacks is left out, and said to be.

    `unread` are the LOINC codes of results that could not be read; those that the table knows are told too.
    """
    by_code = {result.loinc: result for result in results}
    values: dict[str, float] = {}
    unusable: list[Note] = []
    for name, analyte in table.analytes.items():
        result = next((by_code[code] for code in analyte.loinc if code in by_code), None)
        if result is None:
            continue
        if result.unit in table.units[analyte.unit]:
            values[name] = result.value * table.units[analyte.unit][result.unit]
        else:
            unusable.append(_strange_unit(analyte, result))
    return Haemogram(values, (*unusable, *_unread(table, unread)))


def _unread(table: HaemogramTable, codes: Collection[str]) -> Iterator[Note]:
    for analyte in table.analytes.values():
        for code in codes:
            if code in analyte.loinc:
                text = f"the haemogram's {analyte.meaning} ({code}) could not be read, and no rule was asked about them"
                yield Note("haemogram_unread", f"{text}: look at the analyser's result, and how the LIS writes it")


def _strange_unit(analyte: Analyte, result: Result) -> Note:
    text = f"the haemogram's {analyte.meaning} came in {result.unit!r} and no rule was asked about them: add the unit"
    return Note("haemogram_unit", f"{text} to haemogram.yaml")
