"""Rules and dashboard read only what there is: metrics, their labels, the values of these."""

import json

import pytest
from prometheus_client import generate_latest

from services.kit.contracts import Priority
from services.kit.telemetry import Metrics
from services.kit.topics import topics
from services.review.states import State
from tests.unit.deploy.promql import ROOT, TARGET_LABELS, alerts, known, read, rules

DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "dashboards" / "frottis.json").read_text("utf-8"))
TARGETS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
EXPRESSIONS = sorted({rule["expr"] for rule in rules()} | set(TARGETS))
PRIORITIES = {name.removeprefix("PRIORITY_").lower() for name in Priority.DESCRIPTOR.values_by_name} | {"all"}
VALUES = {
    ("frottis:slides:max", "state"): set(State),
    ("frottis_slides_ended_total", "outcome"): {state for state in State if state.ended},
    ("frottis_messages_total", "outcome"): {"handled", "retried", "rejected"},
    ("frottis_ready", "service"): {name for topic in topics().values() for name in topic.consumers},
}


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_every_metric_and_label_exists(expr):
    labels = set()
    for selector in read(expr).selectors:
        assert selector.name in known()
        own = known()[selector.name] | TARGET_LABELS
        assert {label for label, *_ in selector.matchers} <= own
        labels |= own
    assert read(expr).labels <= labels | read(expr).made


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_every_value_that_is_asked_for_exists(expr):
    for selector in read(expr).selectors:
        for label, operator, value in selector.matchers:
            there = PRIORITIES if label == "priority" else VALUES.get((selector.name, label))
            asked = set(value.split("|")) if "~" in operator else {value}
            assert there is None or asked <= there


def test_the_promise_is_read_from_buckets_that_the_histogram_has():
    metrics = Metrics()
    metrics.scan_to_acknowledged.labels("routine").observe(1)
    shown = generate_latest(metrics.registry).decode()
    asked = {v for e in EXPRESSIONS for s in read(e).selectors for label, _, v in s.matchers if label == "le"}
    assert asked == {"900.0", "1800.0"}
    assert all(f'le="{bound}"' in shown for bound in asked)


COUNTED = {
    "frottis_deadlines_missed_total": [{"priority": "routine"}, {"priority": "stat"}],
    "frottis_scan_to_acknowledged_seconds_count": [{"priority": "routine"}, {"priority": "stat"}],
    "frottis_acknowledgements_total": [{"code": code} for code in ("AA", "AE", "AR", "CA", "CE", "CR")],
    "frottis_orders_total": [{"answer": answer} for answer in ("AE", "AR", "unaddressable")],
}


@pytest.mark.parametrize("name", sorted(COUNTED))
def test_counters_of_alerts_are_there_before_their_first_event(name):
    registry = Metrics().registry
    assert all(registry.get_sample_value(name, labels) == 0 for labels in COUNTED[name])


def test_every_alert_reads_something():
    assert all(read(rule["expr"]).selectors for rule in alerts())
