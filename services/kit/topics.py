"""The registry of topics, read from `proto/topics.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from google.protobuf.message import DecodeError, Message

from services.kit import contracts
from services.kit.errors import PoisonError

REGISTRY = Path(__file__).resolve().parents[2] / "proto" / "topics.yaml"


class Unreadable(PoisonError):
    """Bytes that are no message of their topic."""


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

    def encode(self, value: Message) -> bytes:
        """The bytes of a message of this topic; equal messages have equal bytes. Raises TypeError for another type."""
        if not isinstance(value, self.message):
            raise TypeError(f"topic {self.name} carries {self.message.__name__}, not {type(value).__name__}")
        return value.SerializeToString(deterministic=True)

    def decode(self, raw: bytes) -> Message:
        """The message in `raw`. Raises Unreadable: these bytes are none, now or ever."""
        try:
            return self.message.FromString(raw)
        except DecodeError as error:
            raise Unreadable(f"{len(raw)} bytes on topic {self.name} are no {self.message.__name__} message") from error


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
