"""What a PromQL expression reads, and what there is to read."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from prometheus_client.metrics import MetricWrapperBase

from services.kit.telemetry import Metrics

ROOT = Path(__file__).resolve().parents[3]
RULES = ROOT / "deploy" / "prometheus" / "rules"

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\d[\w.]*|[a-zA-Z_:$][\w:]*|=~|!~|!=|==|>=|<=|\S')
_GROUPING = {"by", "without", "on", "ignoring", "group_left", "group_right"}
_WORDS = {"and", "or", "unless", "offset", "bool", "sum", "max", "min", "count", "group", "topk", "avg"}
# Those of every scraped series.
TARGET_LABELS = {"job", "instance"}

# Of Prometheus and Alertmanager themselves, and what every scraped process has.
FOREIGN = {
    "up": set(),
    "ALERTS": {"alertname", "alertstate", "severity", "service", "topic"},
    "alertmanager_notifications_failed_total": {"integration"},
    "prometheus_rule_evaluation_failures_total": {"rule_group"},
}


@dataclass(frozen=True)
class Selector:
    """A metric's name, and its matchers as (label, operator, value)."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Read:
    """The selectors of an expression, the labels that it groups by or joins on, and those that label_replace makes."""

    selectors: tuple[Selector, ...]
    labels: frozenset[str]
    made: frozenset[str]


@cache
def read(expr: str) -> Read:
    tokens = _TOKEN.findall(expr)
    selectors, labels = [], set()
    position = 0
    while position < len(tokens):
        token, following = tokens[position], tokens[position + 1 : position + 2]
        if token in _GROUPING:
            end = tokens.index(")", position)
            labels |= {t for t in tokens[position + 2 : end] if t != ","}
            position = end
        elif token == "[":
            position = tokens.index("]", position)
        elif re.match(r"[a-zA-Z_:]", token) and token not in _WORDS and following != ["("]:
            end = tokens.index("}", position) if following == ["{"] else position
            selectors.append(Selector(token, _matchers(tokens[position + 2 : end])))
            position = end
        position += 1
    made = re.findall(r'label_replace\([^"]*"(\w+)"', expr)
    return Read(tuple(selectors), frozenset(labels), frozenset(made))


def _matchers(tokens):
    parts = [t for t in tokens if t != ","]
    return tuple((parts[n], parts[n + 1], parts[n + 2].strip('"')) for n in range(0, len(parts), 3))


@cache
def rules():
    """All rules of deploy/prometheus/rules, in order."""
    files = [yaml.safe_load(path.read_text("utf-8")) for path in sorted(RULES.glob("*.yaml"))]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def alerts():
    return [rule for rule in rules() if "alert" in rule]


@cache
def exported():
    """Labels by the names of the series that every process of Frottis exports."""
    metrics = Metrics()
    series = {}
    for family in metrics.registry.collect():
        for sample in family.samples:
            series.setdefault(sample.name, set()).update(sample.labels)
    for metric in (m for m in vars(metrics).values() if isinstance(m, MetricWrapperBase)):
        labels = set(metric._labelnames)
        for suffix in {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}.get(metric._type, [""]):
            series[metric._name + suffix] = labels | ({"le"} if suffix == "_bucket" else set())
    return series


@cache
def recorded():
    """Labels by the names that the recording rules give."""
    series = {}
    for rule in (r for r in rules() if "record" in r):
        series.setdefault(rule["record"], set()).update(rule.get("labels", {}))
        series[rule["record"]] |= read(rule["expr"]).labels
    for rule in (r for r in rules() if "record" in r):
        for selector in read(rule["expr"]).selectors:
            series[rule["record"]] |= series.get(selector.name, set())
    return series


def known():
    """Labels by the names of all series that an expression may read."""
    return exported() | recorded() | FOREIGN
