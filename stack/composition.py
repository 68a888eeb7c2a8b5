"""deploy/compose.yaml as it is read here, without an engine."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stack.ports import free_port
from stack.processes import run

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
FILE, EXAMPLE, MAKE_SECRETS = DEPLOY / "compose.yaml", DEPLOY / "example.env", DEPLOY / "make-secrets"
# What a site puts beside the secrets that the script makes, and a value that no service is given.
OF_THE_SITE = {"pager-routing-key": "0123456789abcdef", "chat-webhook-url": "https://chat.example/hook"}

_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


@dataclass(frozen=True)
class Composition:
    """The file's content, its variables filled in."""

    content: Mapping[str, Any]

    @classmethod
    def read(cls, variables: Mapping[str, str] | None = None) -> "Composition":
        """With the values of the example where `variables` has none. Raises KeyError for one that has no value."""
        values = {**example(), **(variables or {})}
        filled = _VARIABLE.sub(lambda found: _value(found, values), FILE.read_text("utf-8"))
        return cls(yaml.safe_load(filled))

    @property
    def services(self) -> Mapping[str, Mapping[str, Any]]:
        """All services, by name."""
        services: Mapping[str, Mapping[str, Any]] = self.content["services"]
        return services

    @property
    def hosts(self) -> set[str]:
        """The names that services find each other by."""
        networks = [service.get("networks", ()) for service in self.services.values()]
        given = [network for each in networks if isinstance(each, Mapping) for network in each.values()]
        return {*self.services, *(alias for network in given for alias in network["aliases"])}

    def environment(self, service: str) -> dict[str, str]:
        """What a service is given; not what it takes from the site, where that says nothing."""
        given = self.services[service].get("environment", {})
        return {name: str(value) for name, value in given.items() if value is not None}

    def secrets(self, service: str) -> dict[str, str]:
        """The secrets that are mounted into a service, by the paths that it finds them at."""
        given = self.services[service].get("secrets", ())
        mounted = [{"source": entry, "target": entry} if isinstance(entry, str) else entry for entry in given]
        return {str(Path("/run/secrets", entry["target"])): entry["source"] for entry in mounted}

    def networks(self, service: str) -> set[str]:
        """The networks that a service is on."""
        return set(self.services[service].get("networks", ()))

    def mounts(self, service: str) -> list[tuple[str, str, bool]]:
        """What is bound into a service: where it is here, where it is there, and whether it can be written."""
        volumes = self.services[service].get("volumes", ())
        long = [(v["source"], v["target"], not v.get("read_only")) for v in volumes if isinstance(v, Mapping)]
        short = [volume.split(":") for volume in volumes if isinstance(volume, str) and volume.startswith(".")]
        return long + [(source, target, mode != ["ro"]) for source, target, *mode in short]

    def here(self, service: str, secrets: Path, share: Path) -> dict[str, str]:
        """The environment of a service for a process here: its secrets from the folder, and no server there is."""
        environment = self.environment(service)
        for path, source in self.secrets(service).items():
            environment = {name: value.replace(path, str(secrets / source)) for name, value in environment.items()}
        server = re.compile(rf"\b({'|'.join(map(re.escape, sorted(self.hosts)))}):\d+")
        nowhere = f"127.0.0.1:{free_port()}"
        environment = {name: server.sub(nowhere, value) for name, value in environment.items()}
        return {name: str(share) if value == "/share" else value for name, value in environment.items()}


def example() -> dict[str, str]:
    """The variables that the example sets."""
    lines = [line for line in EXAMPLE.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def make_secrets(folder: Path) -> None:
    """Make all secrets. Raises ServerFailed."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in OF_THE_SITE.items():
        (folder / name).write_text(value, "ascii")
    run(["sh", MAKE_SECRETS, folder])


def _value(found: re.Match[str], values: Mapping[str, str]) -> str:
    name, kind, default = found.groups()
    return values.get(name, default) if kind == "-" else values[name]
