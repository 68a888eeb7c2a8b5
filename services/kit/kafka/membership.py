"""Taking partitions over and letting them go, without the group standing still.

Partitions move one by one (cooperative): the others are worked on meanwhile. One that is to move is drained first: its
work under way may end and is committed, then the next owner gets it. All of this runs on the client's event loop, which
must not be held up: heartbeats go out on it.
"""

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

import structlog
from kafka.consumer.subscription_state import AsyncConsumerRebalanceListener
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import KafkaError
from kafka.net.selector import KernelEvent
from kafka.structs import OffsetAndMetadata, TopicPartition

from services.kit.kafka.backlog import Place
from services.kit.kafka.inbox import Inbox
from services.kit.kafka.offsets import Progress

_NAP_S = 0.02

log = structlog.get_logger()


class Assignor(CooperativeStickyAssignor):  # type: ignore[misc]
    """kafka-python's, which would claim partitions that it lost when it joins again."""

    def forget(self) -> None:
        self.member_assignment = None


class Membership(AsyncConsumerRebalanceListener):  # type: ignore[misc]
    """What becomes of the inbox when partitions come and go."""

    def __init__(
        self, consumer: Any, assignor: Assignor, inbox: Inbox, *, drain_s: float, stopping: Callable[[], bool]
    ) -> None:
        self._consumer = consumer
        self._assignor = assignor
        self._inbox = inbox
        self._drain_s = drain_s
        self._stopping = stopping

    async def on_partitions_assigned(self, assigned: Collection[Place]) -> None:
        """Nothing is fetched from them until it is known which of their messages are done."""
        self._consumer.pause(*assigned)

    async def on_partitions_revoked(self, revoked: Collection[Place]) -> None:
        self._inbox.stop_delivering(revoked)
        until = time.monotonic() + self._drain_s
        while self._inbox.any_out(revoked) and time.monotonic() < until and not self._stopping():
            await _nap()
        if self._inbox.any_out(revoked) and not self._stopping():
            log.warning("work goes on while its partition moves", partitions=len(revoked), waited_s=self._drain_s)
        await self._commit(revoked)
        self._inbox.give_up(revoked)

    async def on_partitions_lost(self, lost: Collection[Place]) -> None:
        """Another worker has them already."""
        log.warning("partitions lost: this worker was silent for too long", partitions=len(lost))
        self._inbox.give_up(lost)
        self._assignor.forget()

    async def _commit(self, places: Collection[Place]) -> None:
        progress = self._inbox.progress(places)
        if not progress:
            return
        try:
            await self._consumer.commit_async(as_offsets(progress))
        except KafkaError as error:
            log.warning("not committed before the partition moved", error=type(error).__name__)


def as_offsets(progress: Mapping[Place, Progress]) -> dict[Any, OffsetAndMetadata]:
    """Progress as kafka-python commits it: `offset` is the next to be read, which Kafka's documents call offset + 1."""
    return {TopicPartition(*place): OffsetAndMetadata(done.offset, done.beyond, -1) for place, done in progress.items()}


async def _nap() -> None:
    # The library's loop is its own, not asyncio's; this is what its `sleep` gives to await.
    await KernelEvent("_sleep", _NAP_S)
