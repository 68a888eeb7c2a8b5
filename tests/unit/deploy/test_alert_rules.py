"""The rules are what promtool takes, alert when they must, and say what to do."""

import re
from pathlib import Path

import pytest
import yaml

from services.kit.topics import topics
from tests.unit.deploy.promql import ROOT, TARGET_LABELS, alerts, known, read, rules

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.yaml"))
PROMETHEUS = ROOT / "deploy" / "prometheus" / "prometheus.yaml"
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text("utf-8")
NAMES = sorted({rule["alert"] for rule in alerts()})
SERVICES = {name for topic in topics().values() for name in (*topic.producers, *topic.consumers)}


def firing():
    """For each scenario, the alerts that fire at each of its moments."""
    for path in SCENARIOS:
        for test in yaml.safe_load(path.read_text("utf-8"))["tests"]:
            moments = [moment for moment in test["promql_expr_test"] if "ALERTS" in moment["expr"]]
            yield [
                {re.search(r'alertname="(\w+)"', sample["labels"])[1] for sample in moment.get("exp_samples", ())}
                for moment in moments
            ]


def test_promtool_takes_the_configuration_and_the_rules(promtool):
    shown = promtool("check", "config", PROMETHEUS)
    assert sum(int(count) for count in re.findall(r"(\d+) rules found", shown)) == len(rules())


@pytest.mark.parametrize("scenarios", SCENARIOS, ids=lambda path: path.stem)
def test_alerts_fire_in_their_scenarios_and_in_no_other(promtool, scenarios):
    promtool("test", "rules", scenarios)


def test_every_alert_has_a_scenario_in_which_it_fires_and_a_moment_in_it_when_it_does_not_yet():
    shown = {name for moments in firing() for name in set.union(*moments, set()) if any(name not in m for m in moments)}
    assert sorted(shown) == NAMES


def test_every_service_is_scraped_and_expected_to_be_up():
    scraped = {job["job_name"] for job in yaml.safe_load(PROMETHEUS.read_text("utf-8"))["scrape_configs"]}
    expected = {r["labels"]["service"] for r in rules() if r.get("record") == "frottis:service:expected"}
    assert expected == SERVICES
    assert scraped >= SERVICES


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_every_alert_says_how_bad_it_is_and_what_to_do(rule):
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    assert rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"


def test_the_runbook_has_a_section_for_every_alert_and_no_other():
    assert sorted(re.findall(r"^### (\w+)$", RUNBOOK, re.MULTILINE)) == NAMES


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_texts_name_only_labels_that_the_expression_has(rule):
    found = read(rule["expr"])
    own = TARGET_LABELS.union(*(known()[selector.name] for selector in found.selectors))
    there = (found.labels or own) | found.made
    assert set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"]))) <= there
