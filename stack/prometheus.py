"""Prometheus as one local process, from Debian's package, with the rules of production."""

import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from stack.missing import ServerMissing
from stack.ports import free_port
from stack.processes import ServerProcess

RULES = Path(__file__).resolve().parents[1] / "deploy" / "prometheus" / "rules"


@dataclass(frozen=True)
class Pace:
    """How often it asks, and how often it looks at its rules, as its settings write it."""

    scrape: str
    evaluation: str


# Often, so that a slide's way of a minute or two is seen; and as in deploy/prometheus/prometheus.yaml.
WATCHFUL, PRODUCTION = Pace("2s", "5s"), Pace("15s", "15s")


class PrometheusMissing(ServerMissing):
    """Prometheus is not installed."""


class Prometheus(ServerProcess):
    """A server on a free loopback port that scrapes loopback ports, by job, with its data in `folder`."""

    def __init__(self, folder: Path, targets: Mapping[str, int], pace: Pace = WATCHFUL) -> None:
        program = shutil.which("prometheus")
        if program is None:
            raise PrometheusMissing("Prometheus is not installed: apt-get install prometheus")
        self.port = free_port()
        self._targets, self._pace = targets, pace
        self._configuration = folder / "prometheus.yaml"
        options = [f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{self.port}"]
        super().__init__(
            "Prometheus",
            [program, f"--config.file={self._configuration}", *options, "--log.level=warn"],
            log=folder / "prometheus.log",
            ready=self._ready,
        )

    @property
    def url(self) -> str:
        """Where a browser looks at it."""
        return f"http://127.0.0.1:{self.port}"

    def launch(self) -> None:
        self._configuration.parent.mkdir(parents=True, exist_ok=True)
        self._configuration.write_text(yaml.safe_dump(self._settings()), encoding="utf-8")
        super().launch()

    def query(self, expression: str) -> Sequence[Mapping[str, Any]]:
        """The series that an expression gives now, each with `metric` and `value`. Raises OSError."""
        with urlopen(f"{self.url}/api/v1/query?{urlencode({'query': expression})}", timeout=30) as answer:  # noqa: S310 - our own address
            series: list[Mapping[str, Any]] = json.load(answer)["data"]["result"]
        return series

    def _ready(self) -> bool:
        with suppress(OSError), urlopen(f"{self.url}/-/ready", timeout=5) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
        return False

    def _settings(self) -> dict[str, Any]:
        jobs = [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
            for job, port in self._targets.items()
        ]
        return {
            "global": {
                "scrape_interval": self._pace.scrape,
                "scrape_timeout": WATCHFUL.scrape,
                "evaluation_interval": self._pace.evaluation,
            },
            "rule_files": [str(RULES / "*.yaml")],
            "scrape_configs": jobs,
        }
