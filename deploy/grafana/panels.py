"""The parts of a Grafana dashboard: queries, panels and rows, as values, and the JSON that Grafana reads."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

DATASOURCE = {"type": "prometheus", "uid": "frottis-prometheus"}
COLUMNS = 24
# Colour from a value on; the first has no value.
Steps = Sequence[tuple[str, float | None]]
# What is shown instead of a value, and its colour.
Words = Mapping[str, tuple[str, str]]
PLAIN: Steps = (("green", None),)


@dataclass(frozen=True)
class Query:
    """PromQL and what its series are called, with {{label}} in it."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """One picture. `width` in columns of 24, `height` in Grafana's units of 30 px; `unit` is Grafana's name for it."""

    title: str
    text: str
    queries: Sequence[Query]
    kind: str = "timeseries"
    unit: str = "short"
    width: int = 8
    height: int = 8
    steps: Steps = PLAIN
    words: Words = field(default_factory=dict)
    bars: bool = False

    def json(self, number: int, x: int, y: int) -> Json:
        """As Grafana reads it, at column `x` and height `y`."""
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.text,
            "datasource": DATASOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "fieldConfig": {"defaults": self._field(), "overrides": []},
            "options": _OPTIONS[self.kind],
            "transformations": _TRANSFORMATIONS.get(self.kind, []),
            "targets": [self._target(query, chr(ord("A") + n)) for n, query in enumerate(self.queries)],
        }

    def _field(self) -> Json:
        steps = [{"color": color, "value": value} for color, value in self.steps]
        defaults: Json = {
            "unit": self.unit,
            "color": {"mode": "palette-classic" if self.kind == "timeseries" else "thresholds"},
            "thresholds": {"mode": "absolute", "steps": steps},
            "mappings": self._mappings(),
            "noValue": "–",
        }
        if self.kind == "timeseries":
            defaults["min"] = 0
            defaults["custom"] = self._drawing()
        return defaults

    def _mappings(self) -> list[Json]:
        options = {value: {"text": text, "color": color} for value, (text, color) in self.words.items()}
        return [{"type": "value", "options": options}] if options else []

    def _drawing(self) -> Json:
        return {
            "drawStyle": "bars" if self.bars else "line",
            "fillOpacity": 80 if self.bars else 8,
            "stacking": {"mode": "normal" if self.bars else "none", "group": "A"},
            "thresholdsStyle": {"mode": "off" if self.steps is PLAIN else "line"},
            "showPoints": "never",
        }

    def _target(self, query: Query, letter: str) -> Json:
        now = self.kind != "timeseries"
        return {
            "refId": letter,
            "datasource": DATASOURCE,
            "expr": query.expr,
            "legendFormat": query.legend or "__auto",
            "instant": now,
            "range": not now,
            "format": "table" if self.kind == "table" else "time_series",
        }


@dataclass(frozen=True)
class Row:
    """Panels under a heading, from left to right and on in the next line."""

    title: str
    panels: Sequence[Panel]


def dashboard(uid: str, title: str, text: str, rows: Sequence[Row]) -> Json:
    """The whole dashboard as Grafana's file provisioning reads it."""
    return {
        "uid": uid,
        "title": title,
        "description": text,
        "tags": ["frottis"],
        "timezone": "browser",
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-24h", "to": "now"},
        "annotations": {"list": []},
        "templating": {"list": []},
        "panels": list(_placed(rows)),
    }


def _placed(rows: Sequence[Row]) -> Iterator[Json]:
    numbers = itertools.count(1)
    y = 0
    for row in rows:
        heading = {"id": next(numbers), "type": "row", "title": row.title, "collapsed": False, "panels": []}
        yield heading | {"gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1}}
        x, y, tallest = 0, y + 1, 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            yield panel.json(next(numbers), x, y)
            x, tallest = x + panel.width, max(tallest, panel.height)
        y += tallest


_REDUCE = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_OPTIONS: Mapping[str, Json] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": _REDUCE,
        "colorMode": "background",
        "graphMode": "none",
        "justifyMode": "center",
        "textMode": "value",
    },
    "bargauge": {
        "reduceOptions": _REDUCE,
        "orientation": "horizontal",
        "displayMode": "basic",
        "showUnfilled": True,
        "valueMode": "text",
    },
    "table": {"showHeader": True, "cellHeight": "sm", "footer": {"show": False}},
}
_TRANSFORMATIONS: Mapping[str, list[Json]] = {
    "table": [{"id": "organize", "options": {"excludeByName": {"Time": True, "Value": True}}}],
}
