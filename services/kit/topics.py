"""The registry of topics, read from `proto/topics.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from google.protobuf.message import Message

from services.kit import contracts

REGISTRY = Path(__file__).resolve().parents[2] / "proto" / "topics.yaml"


@dataclass(frozen=True)
class Topic:
    """One line of the registry: who writes it, who reads it, and what it carries."""

    name: str
    purpose: str
    message: type[Message]
    key: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    partitions: int
    retention_h: int


@cache
def topics() -> Mapping[str, Topic]:
    """Every topic by name. Raises KeyError or AttributeError when the registry is not as the class above says."""
    entries: dict[str, dict[str, Any]] = yaml.safe_load(REGISTRY.read_text(encoding="utf-8"))["topics"]
    return {name: _topic(name, entry) for name, entry in entries.items()}


def _topic(name: str, entry: dict[str, Any]) -> Topic:
    return Topic(
        name=name,
        purpose=entry["purpose"],
        message=getattr(contracts, entry["message"].removeprefix("frottis.v1.")),
        key=entry["key"],
        producers=tuple(entry["producers"]),
        consumers=tuple(entry["consumers"]),
        partitions=entry["partitions"],
        retention_h=entry["retention_h"],
    )
