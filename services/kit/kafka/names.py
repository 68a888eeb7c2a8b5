"""What topics and groups are called on the cluster."""

DEAD = ".dead"


class Names:
    """Names on the cluster, behind the prefix of this deployment."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def topic(self, topic: str) -> str:
        return f"{self._prefix}{topic}"

    def dead(self, topic: str) -> str:
        """Where messages of `topic` that cannot be handled are kept."""
        return f"{self._prefix}{topic}{DEAD}"

    def group(self, group: str) -> str:
        """A service's consumer group."""
        return f"{self._prefix}{group}"

    def bare(self, topic: str) -> str:
        """The registry's name of a topic on the cluster."""
        return topic.removeprefix(self._prefix)
