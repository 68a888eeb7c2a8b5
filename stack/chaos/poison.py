"""A message in every topic that is none: bytes that no contract reads."""

from contextlib import closing

from kafka import KafkaProducer

from services.kit.kafka import KafkaSettings
from services.kit.kafka.producer import producer_arguments
from services.kit.kafka.sockets import connected
from services.kit.topics import topics

# A field number of 0, which protobuf has not.
UNREADABLE = b"\x00" * 64
# What the keys of poisoned messages begin with.
POISON = "poison-"


def poison(settings: KafkaSettings) -> int:
    """Put one on every topic; returns how many groups will have to set one aside. Raises KafkaError."""
    registry = topics().values()
    with closing(connected(KafkaProducer, producer_arguments(settings))) as writer:
        for sent in [
            writer.send(topic.name, key=f"{POISON}{topic.name}".encode(), value=UNREADABLE) for topic in registry
        ]:
            sent.get(settings.delivery_timeout_s)
    return sum(len(topic.consumers) for topic in registry)
