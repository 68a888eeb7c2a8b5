"""Kafka as one local process."""

from stack.kafka.server import Kafka, KafkaMissing, User

__all__ = ["Kafka", "KafkaMissing", "User"]
