"""The dashboard is current, whole, and asks what Prometheus can answer."""

import itertools
import json
import subprocess
import sys

import yaml

from tests.unit.deploy.promql import ROOT

GRAFANA = ROOT / "deploy" / "grafana"
DASHBOARD = json.loads((GRAFANA / "dashboards" / "frottis.json").read_text("utf-8"))
PANELS = DASHBOARD["panels"]


def provisioned(name):
    return yaml.safe_load((GRAFANA / "provisioning" / name).read_text("utf-8"))


def test_it_is_what_its_description_generates():
    done = subprocess.run([sys.executable, GRAFANA / "generate", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_query_is_promql(promtool, tmp_path):
    queries = [target["expr"] for panel in PANELS for target in panel.get("targets", ())]
    made = [{"record": f"query_{number}", "expr": query} for number, query in enumerate(queries)]
    rules = tmp_path / "queries.yaml"
    rules.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": made}]}), "utf-8")
    assert f"{len(queries)} rules found" in promtool("check", "rules", rules)


def test_every_query_goes_to_the_provisioned_source():
    sources = {source["uid"]: source["type"] for source in provisioned("datasources/prometheus.yaml")["datasources"]}
    asked = [target["datasource"] for panel in PANELS for target in panel.get("targets", ())]
    asked += [panel["datasource"] for panel in PANELS if panel["type"] != "row"]
    assert all(sources[source["uid"]] == source["type"] for source in asked)


def test_panels_lie_on_the_page_and_not_on_each_other():
    places = [panel["gridPos"] for panel in PANELS]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in itertools.combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]


def test_every_panel_has_a_number_of_its_own_a_title_and_an_explanation():
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert all(panel["title"] for panel in PANELS)
    assert all(panel["description"] for panel in PANELS if panel["type"] != "row")


def test_the_first_thing_shown_is_whether_the_promise_is_kept():
    first = next(panel for panel in PANELS if panel["type"] != "row")
    assert first["targets"][0]["expr"] == 'frottis:promise_kept:ratio28d{priority="all"}'
