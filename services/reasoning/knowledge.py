"""Everything that a laboratory configures as data, loaded and checked together."""

from dataclasses import dataclass
from pathlib import Path

from services.kit import classes as kit_classes
from services.reasoning import classes, counting, haemogram, morphology
from services.reasoning.classes import ClassTable
from services.reasoning.counting import CountingTable
from services.reasoning.errors import TablesInvalid
from services.reasoning.facts import fact_model
from services.reasoning.haemogram import HaemogramTable
from services.reasoning.morphology import GradingTable
from services.reasoning.rules.book import FOLDER, RuleBook, load_rules

TABLES = (kit_classes.FILE, classes.FILE, counting.FILE, morphology.FILE, haemogram.FILE)


@dataclass(frozen=True)
class Knowledge:
    """Tables and rules. The rules' version stands for all of them."""

    classes: ClassTable
    counting: CountingTable
    grading: GradingTable
    haemogram: HaemogramTable
    rules: RuleBook


def load_knowledge(rules: Path | None = None) -> Knowledge:
    """The tables that ship with Frottis and the rules in the folder `rules`. Raises TablesInvalid, RulesInvalid."""
    table, analytes = ClassTable.load(), HaemogramTable.load()
    grading = GradingTable.load()
    if stray := set(grading.grades) - set(table.erythrocytes):
        raise TablesInvalid(f"grading.yaml grades {', '.join(sorted(stray))}, which classes.yaml lacks")
    book = load_rules(rules or FOLDER, fact_model(table, analytes), TABLES)
    return Knowledge(table, CountingTable.load(), grading, analytes, book)
