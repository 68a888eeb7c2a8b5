"""Who hears of what."""

import json
import re

import pytest
import yaml

from tests.unit.deploy.promql import ROOT, alerts

PATH = ROOT / "deploy" / "alertmanager" / "alertmanager.yaml"
CONFIGURATION = yaml.safe_load(PATH.read_text("utf-8"))
NAMES = {rule["alert"] for rule in alerts()}


def test_amtool_takes_the_configuration(amtool):
    assert "SUCCESS" in amtool("check-config", PATH)


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (["severity=critical", "service=lis"], "page-and-desk"),
        (["severity=warning"], "desk"),
        (["severity=misspelt"], "page-and-desk"),
        ([], "page-and-desk"),
    ],
)
def test_the_pager_hears_what_is_critical_and_what_no_route_knows(amtool, labels, receiver):
    options = (f"--config.file={PATH}", f"--verify.receivers={receiver}")
    assert receiver in amtool("config", "routes", "test", *options, *labels or ["alertname=Unknown"])


def test_keys_are_files_and_nothing_of_them_is_in_the_configuration():
    files = re.findall(r"(\w+_file): (\S+)", PATH.read_text("utf-8"))
    assert {name for name, _ in files} == {"routing_key_file", "api_url_file"}
    assert all(path.startswith("/etc/alertmanager/secrets/") for _, path in files)
    assert "http" not in PATH.read_text("utf-8")


def test_inhibitions_name_alerts_that_exist():
    matchers = [m for rule in CONFIGURATION["inhibit_rules"] for m in rule["source_matchers"] + rule["target_matchers"]]
    named = {name for matcher in matchers if matcher.startswith("alertname") for name in re.findall(r"\w+", matcher)}
    assert named - {"alertname"} <= NAMES


def test_the_promise_is_silenced_by_nothing_but_itself():
    for rule in CONFIGURATION["inhibit_rules"]:
        if any("Promise" in matcher or "Deadline" in matcher for matcher in rule["target_matchers"]):
            assert rule["source_matchers"] == ["alertname = PromiseBudgetBurnsFast"]


def test_notices_say_what_to_do(amtool, tmp_path):
    alert = {"status": "firing", "annotations": {"summary": "It is away.", "description": "Call.", "runbook": "r#x"}}
    data = tmp_path / "data.json"
    group = {"alertname": "LisSilent", "service": "lis"}
    data.write_text(json.dumps({"status": "firing", "alerts": [alert], "groupLabels": group}), "utf-8")
    text = '{{ template "frottis.title" . }}: {{ template "frottis.text" . }}'
    options = (f"--template.glob={PATH.parent}/templates/*.tmpl", f"--template.data={data}")
    shown = amtool("template", "render", *options, f"--template.text={text}")
    assert shown.split("\n")[:3] == ["LisSilent (lis): It is away.", "Call.", "More: r#x"]
