"""The fact model: every name that a rule may use, its type, its unit and what it means. docs/rules.md repeats it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from services.reasoning.classes import ClassTable
from services.reasoning.haemogram import HaemogramTable


class FactType(StrEnum):
    """Types of CEL."""

    BOOL = "bool"
    INT = "int"
    DOUBLE = "double"

    def holds(self, value: object) -> bool:
        """Whether `value` is of this type; an int is no double, as in CEL."""
        return type(value) is {"bool": bool, "int": int, "double": float}[self.value]


@dataclass(frozen=True)
class Fact:
    """One name. An optional fact may be absent: a condition that needs it then does not hold."""

    name: str
    type: FactType
    meaning: str
    optional: bool = False
    # The measure that a finding with this fact rests on.
    measure: str = ""


FactValue = bool | int | float
Facts = Mapping[str, FactValue]

_SHARE = (
    ("count", FactType.INT, "cells", False),
    ("percent", FactType.DOUBLE, "share of the leukocytes counted, %", True),
    ("low", FactType.DOUBLE, "lower exact 95 % limit of the share, %", True),
    ("high", FactType.DOUBLE, "upper exact 95 % limit of the share, %", True),
    (
        "certain",
        FactType.INT,
        "certain cells: no candidate is of another class, and their probability is ≥ certain_probability",
        False,
    ),
    ("certain_percent", FactType.DOUBLE, "share of the certain cells, %", True),
    ("certain_low", FactType.DOUBLE, "lower exact 95 % limit of the share of the certain cells, %", True),
    ("edge_certain", FactType.INT, "certain cells on fields of the feathered edge, outside the differential", False),
)
_RED = (
    ("count", FactType.INT, "red cells of the class", False),
    ("percent", FactType.DOUBLE, "share of the red cells classified, %", True),
    ("low", FactType.DOUBLE, "lower exact 95 % limit of the share, %", True),
    ("high", FactType.DOUBLE, "upper exact 95 % limit of the share, %", True),
    (
        "seen_low",
        FactType.DOUBLE,
        "lower exact 95 % limit of the share, %, whether or not the share is told",
        True,
    ),
    ("misread_percent", FactType.DOUBLE, "share that misread normal cells alone may give, %", True),
    (
        "grade",
        FactType.INT,
        "grade by grading.yaml, 0 to 3; absent where there is none or misreads may explain it",
        True,
    ),
)
_FIXED = (
    Fact("order.known", FactType.BOOL, "the specimen has an order"),
    Fact("order.stat", FactType.BOOL, "the order is STAT"),
    Fact(
        "haemogram.unusable",
        FactType.INT,
        "results of the haemogram that could not be read, or in a unit that haemogram.yaml lacks",
    ),
    Fact("haemogram.known", FactType.BOOL, "the order came with at least one usable result of the haemogram"),
    Fact("leukocytes.counted", FactType.INT, "leukocytes of the differential", measure="leukocytes.counted"),
    Fact("leukocytes.wanted", FactType.INT, "leukocytes asked for", measure="leukocytes.counted"),
    Fact("leukocytes.minimum", FactType.INT, "leukocytes from which percentages are given"),
    Fact("leukocytes.unidentified", FactType.INT, "leukocytes without a name", measure="leukocytes.unidentified"),
    Fact(
        "leukocytes.unidentified_percent",
        FactType.DOUBLE,
        "their share of all leukocytes looked at, %",
        optional=True,
        measure="leukocytes.unidentified",
    ),
    Fact("erythrocytes.counted", FactType.INT, "red cells classified", measure="erythrocytes.counted"),
    Fact(
        "erythrocytes.median_diameter_um",
        FactType.DOUBLE,
        "median diameter of the red cells that stand alone, µm",
        optional=True,
    ),
    Fact("erythrocytes.wanted", FactType.INT, "red cells asked for", measure="erythrocytes.counted"),
    Fact("erythrocytes.minimum", FactType.INT, "red cells from which shares and grades are given"),
    Fact(
        "erythrocytes.unidentified_percent",
        FactType.DOUBLE,
        "share of red cells without a certain class, %",
        optional=True,
        measure="erythrocytes.unidentified",
    ),
    Fact(
        "plasmodium.searched",
        FactType.INT,
        "red cells searched for malaria parasites",
        measure="erythrocytes.plasmodium",
    ),
    Fact("plasmodium.infected", FactType.INT, "red cells that look infected", measure="erythrocytes.plasmodium"),
    Fact(
        "plasmodium.misread",
        FactType.DOUBLE,
        "as many of those searched as misread cells alone may give",
        measure="erythrocytes.plasmodium",
    ),
    Fact(
        "plasmodium.low",
        FactType.DOUBLE,
        "lower exact 95 % limit of the share of red cells that look infected, %, whether or not the share is told",
        optional=True,
        measure="erythrocytes.plasmodium",
    ),
    Fact(
        "plasmodium.percent",
        FactType.DOUBLE,
        "share of red cells that look infected, %; absent where too few were searched or misreads may explain it",
        optional=True,
        measure="erythrocytes.plasmodium",
    ),
    Fact("platelets.counted", FactType.INT, "platelets on monolayer fields", measure="platelets.counted"),
    Fact(
        "platelets.per_100_erythrocytes",
        FactType.DOUBLE,
        "platelets per 100 red cells, whether or not clumps are seen",
        optional=True,
        measure="platelets.per_100_erythrocytes",
    ),
    Fact("platelets.clumps", FactType.INT, "clumps of platelets", measure="platelets.clumps"),
    Fact("platelets.edge_fields", FactType.INT, "fields of the feathered edge read for clumps"),
    Fact("nuclei.sure", FactType.INT, "nucleated cells that the film map is sure of in the fields of the differential"),
    Fact("nuclei.missed", FactType.INT, "those of them for which no leukocyte was detected"),
    Fact("nuclei.missed_percent", FactType.DOUBLE, "their share, %", optional=True),
    Fact("nuclei.missed_low", FactType.DOUBLE, "lower exact 95 % limit of their share, %", optional=True),
    Fact("reading.fields", FactType.INT, "fields chosen to be read"),
    Fact("reading.unreadable_fields", FactType.INT, "fields whose pixels could not be read"),
    Fact("reading.unreadable_percent", FactType.DOUBLE, "their share of the fields chosen, %", optional=True),
    Fact("reading.rejected_fields", FactType.INT, "fields looked at and not chosen"),
    Fact("reading.missing_tiles", FactType.INT, "tiles that the scan lacks where there is stain, or beside it"),
    Fact("reading.in_focus_percent", FactType.DOUBLE, "share of the covered area that is in focus, %"),
    Fact("film.hematoxylin_od", FactType.DOUBLE, "optical density of a typical nucleus, mean over RGB", optional=True),
    Fact("film.eosin_od", FactType.DOUBLE, "optical density of one layer of red cells, mean over RGB", optional=True),
    Fact(
        "film.pale_percent",
        FactType.DOUBLE,
        "share of the thin parts in focus that is stained clearly more faintly than the rest, %",
    ),
    Fact("reading.cut_short", FactType.BOOL, "the deadline came before everything chosen was read"),
    Fact("reading.film_exhausted", FactType.BOOL, "the film has no more leukocytes to read"),
)


def fact_model(classes: ClassTable, haemogram: HaemogramTable) -> dict[str, Fact]:
    """Every fact by name."""
    facts = [*_FIXED, *_possible_facts(classes), *_leukocyte_facts(classes), *_erythroblast_facts()]
    facts += [*_red_cell_facts(classes), *_haemogram_facts(haemogram)]
    return {fact.name: fact for fact in facts}


def _possible_facts(classes: ClassTable) -> Iterator[Fact]:
    for name, watched in classes.watched.items():
        measure = f"leukocytes.possible_{name}"
        meaning = f"nucleated cells that are or may be {' or '.join(watched)}, whatever they are called"
        yield Fact(measure, FactType.INT, meaning, measure=measure)
        share = "their share of all nucleated cells looked at, %"
        for suffix, said in (("percent", share), ("low", f"lower exact 95 % limit of {share}")):
            yield Fact(f"{measure}_{suffix}", FactType.DOUBLE, said, optional=True, measure=measure)


def _leukocyte_facts(classes: ClassTable) -> Iterator[Fact]:
    for name in (*classes.differential, *classes.groups):
        measure = f"differential.{name}"
        for suffix, kind, meaning, optional in _SHARE:
            yield Fact(f"differential.{name}.{suffix}", kind, f"{name}: {meaning}", optional, measure)


def _red_cell_facts(classes: ClassTable) -> Iterator[Fact]:
    for name in classes.erythrocytes:
        for suffix, kind, meaning, optional in _RED:
            yield Fact(f"erythrocytes.{name}.{suffix}", kind, f"{name}: {meaning}", optional, f"erythrocytes.{name}")


def _erythroblast_facts() -> Iterator[Fact]:
    measure = "erythroblasts.per_100_leukocytes"
    yield Fact("erythroblasts.count", FactType.INT, "erythroblasts", measure=measure)
    yield Fact("erythroblasts.certain", FactType.INT, "certain erythroblasts", measure=measure)
    for suffix, meaning in (
        ("per_100_leukocytes", "erythroblasts per 100 leukocytes"),
        ("low", "lower exact 95 % limit of that"),
        ("certain_low", "lower exact 95 % limit of the certain erythroblasts per 100 leukocytes"),
    ):
        yield Fact(f"erythroblasts.{suffix}", FactType.DOUBLE, meaning, optional=True, measure=measure)


def _haemogram_facts(haemogram: HaemogramTable) -> Iterator[Fact]:
    for name, analyte in haemogram.analytes.items():
        yield Fact(f"haemogram.{name}", FactType.DOUBLE, f"{analyte.meaning}, {analyte.unit}", optional=True)
