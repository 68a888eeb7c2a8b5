"""How cells are counted: minima and geometry, from counting.yaml."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from services.kit.yamlfile import read_table
from services.reasoning.errors import TablesInvalid

FILE = Path(__file__).parent / "data" / "counting.yaml"


class Value(BaseModel):
    """A number with its unit and where it comes from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float = Field(gt=0)
    unit: str
    source: str = Field(min_length=10)


class CountingTable(BaseModel):
    """What figures rest on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    minimum_leukocytes: Value
    most_undecided_of_group: Value
    minimum_erythrocytes: Value
    most_unidentified_erythrocytes: Value
    minimum_parasites: Value
    plasmodium_probability: Value
    misread_plasmodium: Value
    certain_probability: Value
    possible_probability: Value
    nucleus_within_um: Value
    clump_gap_um: Value
    clump_platelets: Value
    clump_heap_um: Value
    clump_heap_probability: Value
    minimum_measured: Value

    @classmethod
    def load(cls, file: Path = FILE) -> Self:
        """The table in `file`. Raises TablesInvalid."""
        return read_table(cls, file, TablesInvalid)
