"""The service as it is built, its settings, and its documentation."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.kit.clock import ManualClock
from services.kit.database import Database
from services.kit.errors import SettingsError
from services.kit.objects import Objects
from services.kit.service import Resources
from services.kit.telemetry import Metrics
from services.kit.topics import topics
from services.kit.transport import Received
from services.reasoning.classes import ClassTable
from services.reasoning.facts import fact_model
from services.reasoning.haemogram import HaemogramTable
from services.reasoning.rules.shapes import Effect
from services.reasoning.settings import ReasoningSettings
from services.reasoning.wiring import build
from tests.unit.reasoning.smears import film, order, reports

DOCUMENT = (Path(__file__).resolve().parents[3] / "docs" / "rules.md").read_text(encoding="utf-8")
MODEL = fact_model(ClassTable.load(), HaemogramTable.load())


@pytest.fixture
def resources(tmp_path):
    clock = ManualClock(datetime(2026, 3, 2, 12, 2, tzinfo=UTC))
    return Resources(
        clock, Metrics(), Objects.in_memory(), lambda name, tables: Database.in_file(tmp_path / f"{name}.db", tables)
    )


def test_the_service_takes_the_topics_that_the_registry_gives_it(resources):
    service = build(ReasoningSettings.load(), resources)
    assert {s.topic for s in service.subscriptions} == {n for n, t in topics().items() if "reasoning" in t.consumers}
    service.close()


def test_the_service_as_built_reports_a_slide(resources):
    service = build(ReasoningSettings.load(erythrocytes=1000), resources)
    handlers = {s.topic: s.handle for s in service.subscriptions}
    _, *tiles = messages = film()
    out = []
    for topic, message in [("orders", order()), ("readings", messages[0]), *(("cells", t) for t in tiles)]:
        out += handlers[topic]([Received(topic, "s1", message, None)])
    assert len(reports(out)) == 1
    for timer in service.timers:
        assert list(timer.run()) == []
        timer.sent([])
    service.close()


def test_bad_rules_do_not_start_the_service(resources, tmp_path):
    (tmp_path / "bad.yaml").write_text("version: '1'\nrules: [{id: x}]\n")
    with pytest.raises(SettingsError, match=r"bad\.yaml"):
        build(ReasoningSettings.load(rules=tmp_path), resources)


def test_the_laboratorys_own_rules_take_the_place_of_those_that_ship(resources, tmp_path):
    (tmp_path / "own.yaml").write_text("version: own\nrules: []\n")
    service = build(ReasoningSettings.load(rules=tmp_path, erythrocytes=0), resources)
    handlers = {s.topic: s.handle for s in service.subscriptions}
    out = []
    for topic, message in zip(["readings", *["cells"] * 4], film({"lymphocyte": 200, "blast": 50}), strict=True):
        out += handlers[topic]([Received(topic, "s1", message, None)])
    out += handlers["orders"]([Received("orders", "24-0001", order(), None)])
    assert reports(out)[-1].rules_version.startswith("own+")
    assert [r.code for r in reports(out)[-1].reasons] == ["nothing_holds"]
    service.close()


def test_no_further_round_is_asked_for_after_the_slide_would_be_decided_anyway():
    with pytest.raises(SettingsError, match="no_more_s"):
        ReasoningSettings.load(margin_s=400.0, no_more_s=300.0)


def test_every_setting_says_its_unit():
    for name, field in ReasoningSettings.model_fields.items():
        assert re.search(r"\b(s|cells|rounds|days|folder)\b", field.description or ""), name


@pytest.mark.parametrize("fact", MODEL.values(), ids=lambda fact: fact.name)
def test_every_fact_is_documented_with_its_type(fact):
    names = [fact.name, re.sub(r"^(differential|erythrocytes)\.\w+\.(\w+)$", r"\1.<class>.\2", fact.name)]
    rows = [row for row in DOCUMENT.splitlines() if any(row.startswith(f"| `{name}` | {fact.type}") for name in names)]
    assert len(rows) == 1


def test_no_fact_is_documented_that_does_not_exist():
    patterns = {re.sub(r"^(differential|erythrocytes)\.\w+\.(\w+)$", r"\1.<class>.\2", name) for name in MODEL}
    documented = set(re.findall(r"^\| `([\w.<>]+)` \| (?:bool|int|double)", DOCUMENT, re.MULTILINE))
    assert documented <= patterns | set(MODEL)


@pytest.mark.parametrize("word", [*Effect, "certain_probability", "threshold.", "enabled", "each"])
def test_what_a_rule_may_say_is_documented(word):
    assert f"`{word}" in DOCUMENT
