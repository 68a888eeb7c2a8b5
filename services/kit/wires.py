"""The transport of a process, with what it brings to it: readiness checks, and timers of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from services.kit.clock import Clock
from services.kit.local_log import LocalLog
from services.kit.service import Timer
from services.kit.transport import Transport
from services.kit.upkeep import forgetting, take_over

TransportName: TypeAlias = Literal["local", "kafka"]


@dataclass(frozen=True)
class Wire:
    """`transport` is to be closed after its consumers."""

    transport: Transport
    timers: Sequence[Timer] = ()
    # Each returns None when ready, or what it waits for.
    readiness: Mapping[str, Callable[[], str | None]] = field(default_factory=dict)


def open_wire(name: TransportName, state: Path, keep_days: float, clock: Clock) -> Wire:
    """The transport of this name: the log in the folder `state`, or the Kafka that the environment names.

    The log forgets dead letters after `keep_days`; Kafka does so by itself. Raises StateUnusable, SettingsError. A
    Kafka that is away is no error: readiness tells, and messages wait.
    """
    return _local(state, keep_days, clock) if name == "local" else _kafka()


def _local(state: Path, keep_days: float, clock: Clock) -> Wire:
    log = LocalLog(state / "messages.db")
    try:
        take_over(log)
    except BaseException:
        log.close()
        raise
    return Wire(log, (forgetting(log, keep_days, clock),))


def _kafka() -> Wire:
    # Only a process that speaks with Kafka loads its library.
    from services.kit.kafka import KafkaSettings, KafkaTransport  # noqa: PLC0415

    transport = KafkaTransport(KafkaSettings.load())
    return Wire(transport, readiness={"kafka": transport.waits_for})
