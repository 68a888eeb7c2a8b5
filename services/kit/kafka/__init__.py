"""The transport of production: Kafka, behind the same protocols as the local log (docs/decisions/0008-kafka.md)."""

from services.kit.kafka.cluster import Drift, ensure_topics
from services.kit.kafka.settings import KafkaSettings
from services.kit.kafka.transport import KafkaTransport

__all__ = ["Drift", "KafkaSettings", "KafkaTransport", "ensure_topics"]
