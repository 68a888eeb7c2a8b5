"""Rules as data: what ships, and what is refused at start."""

import pytest
import yaml

from services.kit.errors import SettingsError
from services.reasoning.classes import ClassTable
from services.reasoning.errors import RuleDefect, RulesInvalid, TablesInvalid
from services.reasoning.facts import Fact, FactType, fact_model
from services.reasoning.haemogram import HaemogramTable, Result, read_haemogram
from services.reasoning.judging import judge
from services.reasoning.knowledge import load_knowledge
from services.reasoning.morphology import GradingTable
from services.reasoning.rules.book import FOLDER, load_rules
from services.reasoning.rules.conditions import ConditionCompiler

MODEL = fact_model(ClassTable.load(), HaemogramTable.load())
SHIPPED = load_rules(FOLDER, MODEL)
RULE = {
    "id": "many_blasts",
    "effect": "hold",
    "condition": "differential.blast.count >= 2",
    "text": "The film suggests blasts.",
    "source": "A laboratory",
    "examples": [
        {"facts": {"differential.blast.count": 2}, "expected": True},
        {"facts": {"differential.blast.count": 1}, "expected": False},
    ],
}


def write(folder, *rules, name="rules.yaml", version="1", **more):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(yaml.safe_dump({"version": version, "rules": list(rules), **more}), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("rule", "number"),
    [(rule, n) for rule in SHIPPED.rules for n in range(len(rule.examples))],
    ids=lambda v: getattr(v, "rule_id", v),
)
def test_each_example_of_each_rule_comes_out_as_written(rule, number):
    example = rule.examples[number]
    assert bool(rule.condition.holds(example.facts)) is example.expected


@pytest.mark.parametrize("rule", SHIPPED.rules, ids=lambda rule: rule.rule_id)
def test_no_rule_words_a_diagnosis(rule):
    assert not set(rule.text.lower().replace(";", " ").split()) & {
        "leukaemia",
        "leukemia",
        "malaria",
        "diagnosis",
        "patient",
    }


def test_final_release_is_an_example_that_is_switched_off():
    release = [rule for rule in SHIPPED.rules if rule.effect == "release"]
    assert release
    assert not any(rule.enabled for rule in release)


def test_a_rule_for_each_word_of_a_list_is_a_rule_of_its_own():
    ids = {rule.rule_id for rule in SHIPPED.rules}
    assert {"red_cells_2_plus.target", "red_cells_2_plus.teardrop"} <= ids
    target = next(rule for rule in SHIPPED.rules if rule.rule_id == "red_cells_2_plus.target")
    assert "target" in target.text
    assert "erythrocytes.target" in target.measures


def refused(folder, match, **changes):
    write(folder, {**RULE, **changes})
    with pytest.raises(RulesInvalid, match=match):
        load_rules(folder, MODEL)


def test_a_good_rule_is_loaded(tmp_path):
    book = load_rules(write(tmp_path, RULE), MODEL)
    assert [rule.rule_id for rule in book.rules] == ["many_blasts"]
    assert book.rules[0].measures == ("differential.blast",)


def test_an_unknown_fact_is_refused_with_the_rule_that_names_it(tmp_path):
    refused(
        tmp_path,
        r"many_blasts.*undeclared reference to 'differential.blasts.count'",
        condition="differential.blasts.count >= 2",
    )


def test_a_condition_that_is_not_true_or_false_is_refused(tmp_path):
    refused(tmp_path, "INT, not true or false", condition="differential.blast.count + 1")


def test_types_that_do_not_fit_are_refused(tmp_path):
    refused(tmp_path, "no matching overload", condition="differential.blast.count >= 2.0")


def test_bad_syntax_is_refused(tmp_path):
    refused(tmp_path, "Syntax error", condition="differential.blast.count >=")


def test_an_example_that_does_not_come_out_is_refused(tmp_path):
    examples = [{"facts": {"differential.blast.count": 1}, "expected": True}, RULE["examples"][1]]
    refused(tmp_path, "many_blasts, example 1: the condition does not give", examples=examples)


def test_an_example_that_lacks_a_fact_of_the_condition_is_refused(tmp_path):
    refused(
        tmp_path,
        "example 2 lacks differential.blast.count",
        examples=[RULE["examples"][0], {"facts": {}, "expected": False}],
    )


def test_an_example_with_an_unknown_fact_is_refused(tmp_path):
    facts = {"differential.blast.count": 2, "moon.phase": 1}
    refused(
        tmp_path, "no fact is called 'moon.phase'", examples=[{"facts": facts, "expected": True}, RULE["examples"][1]]
    )


def test_an_example_of_the_wrong_type_is_refused(tmp_path):
    examples = [{"facts": {"differential.blast.count": 2.5}, "expected": True}, RULE["examples"][1]]
    refused(tmp_path, "differential.blast.count is a int, not 2.5", examples=examples)


def test_examples_of_one_side_only_are_refused(tmp_path):
    refused(tmp_path, "one for which it does not", examples=[RULE["examples"][0]] * 2)


@pytest.mark.parametrize(
    "change", [{"effect": "alarm"}, {"source": ""}, {"colour": "red"}, {"examples": []}, {"id": "Many Blasts"}]
)
def test_a_rule_of_the_wrong_shape_is_refused(tmp_path, change):
    refused(tmp_path, r"rules\.yaml: rules\.0", **change)


def test_a_rule_id_used_twice_is_refused(tmp_path):
    write(tmp_path, RULE)
    write(tmp_path, RULE, name="more.yaml")
    with pytest.raises(RulesInvalid, match="'many_blasts' is used twice"):
        load_rules(tmp_path, MODEL)


def test_files_of_different_versions_are_refused(tmp_path):
    write(tmp_path, RULE)
    write(tmp_path, {**RULE, "id": "other"}, name="more.yaml", version="2")
    with pytest.raises(RulesInvalid, match="versions 1, 2"):
        load_rules(tmp_path, MODEL)


def test_a_key_written_twice_is_refused(tmp_path):
    (tmp_path / "rules.yaml").write_text("version: '1'\nrules: []\nversion: '2'\n")
    with pytest.raises(RulesInvalid, match="written twice"):
        load_rules(tmp_path, MODEL)


def test_a_folder_without_rules_does_not_start_the_service(tmp_path):
    with pytest.raises(SettingsError, match="no rule files"):
        load_knowledge(tmp_path)


def test_any_changed_number_changes_the_version(tmp_path):
    one = load_rules(write(tmp_path / "a", RULE), MODEL).version
    other = load_rules(write(tmp_path / "b", {**RULE, "source": "Another laboratory"}), MODEL).version
    assert one.startswith("1+")
    assert one != other


def test_thresholds_are_numbers_of_the_file_that_conditions_name(tmp_path):
    threshold = {"limit": {"value": 3, "unit": "cells", "source": "A laboratory's own"}}
    rule = {**RULE, "condition": "double(differential.blast.count) > threshold.limit"}
    rule["examples"] = [
        {"facts": {"differential.blast.count": 4}, "expected": True},
        {"facts": {"differential.blast.count": 3}, "expected": False},
    ]
    assert load_rules(write(tmp_path, rule, thresholds=threshold), MODEL).rules
    refused(tmp_path, "threshold.other", condition="double(differential.blast.count) > threshold.other")


COMPILER = ConditionCompiler(
    {"a": Fact("a", FactType.DOUBLE, "", optional=True), "b": Fact("b", FactType.BOOL, "")}, {"t": 2.0}
)


@pytest.mark.parametrize(
    ("condition", "facts", "holds"),
    [
        ("a < threshold.t", {"a": 1.0}, True),
        ("a < threshold.t", {}, None),
        ("!(a < threshold.t)", {}, None),
        ("a < threshold.t || b", {"b": True}, True),
        ("a < threshold.t || b", {"b": False}, None),
        ("a < threshold.t && b", {"b": False}, False),
        ("b && 'a' == \"a\"", {"b": True}, True),
    ],
)
def test_what_needs_an_absent_fact_cannot_be_told(condition, facts, holds):
    assert COMPILER.compile(condition).holds(facts) is holds


def test_a_rule_that_cannot_be_evaluated_holds_the_slide_and_keeps_back_no_other(tmp_path):
    (tmp_path / "own.yaml").write_text(
        """
version: "1"
rules:
  - id: half
    effect: flag
    condition: 100 * differential.blast.count / leukocytes.counted > 5
    text: Many blasts were counted.
    source: "a laboratory"
    examples:
      - {facts: {differential.blast.count: 10, leukocytes.counted: 100}, expected: true}
      - {facts: {differential.blast.count: 0, leukocytes.counted: 100}, expected: false}
""",
        "utf-8",
    )
    book = load_rules(tmp_path, MODEL)
    judgement = judge(book, base_facts() | {"leukocytes.counted": 0})
    assert (judgement.held, judgement.final) == (True, False)
    assert [note.code for note in judgement.reasons] == ["rule_defect"]
    assert "half" in judgement.reasons[0].text


def test_a_missing_fact_that_is_not_optional_is_a_defect():
    with pytest.raises(RuleDefect):
        COMPILER.compile("b").holds({})


def judged(**facts):
    return judge(SHIPPED, base_facts() | {name.replace("__", "."): value for name, value in facts.items()})


def base_facts():
    """A film about which there is nothing to say."""
    plain = {FactType.INT: 0, FactType.DOUBLE: 0.0, FactType.BOOL: False}
    facts = {fact.name: plain[fact.type] for fact in MODEL.values() if not fact.optional}
    wanted = {"leukocytes.counted": 200, "leukocytes.wanted": 200, "leukocytes.minimum": 100}
    red = {"erythrocytes.counted": 5000, "erythrocytes.wanted": 5000, "erythrocytes.minimum": 1000}
    return {**facts, **wanted, **red, "reading.in_focus_percent": 95.0}


def test_a_film_without_anything_to_say_is_released_as_preliminary():
    judgement = judged()
    assert not judgement.held
    assert not judgement.final
    assert judgement.findings == ()
    assert judgement.reasons[0].code == "nothing_holds"


def test_flags_do_not_hold_and_critical_findings_come_first():
    assert not judged(platelets__clumps=1).held
    judgement = judged(haemogram__plt=12.0, leukocytes__counted=80)
    assert judgement.held
    assert [note.code for note in judgement.reasons] == ["critical_plt", "too_few_leukocytes"]
    assert {rule.rule_id for rule in judgement.findings} >= {"haemogram_plt", "leukocytes_not_reached"}


def test_an_enabled_release_rule_makes_plain_slides_final_and_never_held_ones(tmp_path):
    for path in FOLDER.glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        (tmp_path / path.name).write_text(
            text.replace("enabled: false\n    effect: release", "effect: release"), encoding="utf-8"
        )
    book = load_rules(tmp_path, MODEL)
    facts = {**base_facts(), "haemogram.known": True, "leukocytes.unidentified_percent": 1.0}
    assert judge(book, facts).final
    assert judge(book, facts).reasons[0].code == "plain_slide_final"
    held = judge(book, {**facts, "haemogram.plt": 5.0})
    assert held.held
    assert not held.final


def test_the_haemogram_is_read_by_loinc_in_the_units_of_the_rules():
    results = [
        Result("6690-2", 7500, "/uL"),
        Result("718-7", 135, "g/L"),
        Result("777-3", 250, "furlong"),
        Result("0-0", 1, "1"),
    ]
    haemogram = read_haemogram(results, HaemogramTable.load())
    assert haemogram.values == pytest.approx({"wbc": 7.5, "hb": 13.5})
    assert [note.code for note in haemogram.unusable] == ["haemogram_unit"]


def test_of_two_codes_for_one_analyte_the_first_of_the_table_counts():
    results = [Result("6690-2", 9.0, "10*9/L"), Result("26464-8", 7.0, "10*9/L")]
    assert read_haemogram(results, HaemogramTable.load()).values["wbc"] == 7.0


def test_every_loinc_code_has_its_check_digit():
    for analyte in HaemogramTable.load().analytes.values():
        for code in analyte.loinc:
            number, digit = code.split("-")
            doubled = "".join(str(int(d) * (2 if n % 2 == 0 else 1)) for n, d in enumerate(reversed(number)))
            assert -sum(map(int, doubled)) % 10 == int(digit), code


@pytest.mark.parametrize(
    ("table", "text"),
    [
        (
            ClassTable,
            "version: '1'\nreported: []\nwatched: {blasts: [blastocyte]}\n",
        ),
        (ClassTable, "version: '1'\nreported: [everything]\nwatched: {}\n"),
        (GradingTable, "version: '1'\nsource: x\ngrades: {target: {one: 5, two: 2, three: 20}}\n"),
        (HaemogramTable, "version: '1'\nanalytes: {wbc: {loinc: [1-8], unit: x, meaning: m}}\nunits: {}\n"),
    ],
)
def test_a_table_that_says_something_impossible_is_refused(tmp_path, table, text):
    file = tmp_path / "table.yaml"
    file.write_text(text)
    with pytest.raises(TablesInvalid, match=r"table\.yaml"):
        table.load(file)
