"""Clients of kafka-python that let go of what they opened when a connection cannot be made.

The library leaves a socket to the garbage collector when the broker refuses it, and a thread with its loop when a
client cannot be built. During an outage both are tried again every second.
"""

from collections.abc import Callable
from typing import Any

from kafka.net.compat import KafkaNetClient
from kafka.net.inet import KafkaNetSocket

DIRECT = "direct://"


class DirectSocket(KafkaNetSocket):  # type: ignore[misc]
    """A connection without a proxy, whose socket is closed when it fails."""

    SCHEMES = ("direct",)

    async def sock_connect(self, net: Any, sock: Any, sockaddr: Any, timeout_at: float | None = None) -> Any:
        try:
            return await super().sock_connect(net, sock, sockaddr, timeout_at=timeout_at)
        except BaseException:
            sock.close()
            raise


def connected(kind: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """A client of this `kind`, such as KafkaConsumer; when it cannot be built, nothing of it is left."""
    made: list[Any] = []

    def client(**given: Any) -> Any:
        made.append(KafkaNetClient(**given))
        return made[-1]

    try:
        return kind(kafka_client=client, proxy_url=DIRECT, **arguments)
    except BaseException:
        for unused in made:
            unused.close()
        raise
