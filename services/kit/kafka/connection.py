"""What every Kafka client of Frottis is told about the brokers."""

from typing import Any

from services.kit.kafka.settings import KafkaSettings
from services.kit.kafka.tls import tls_arguments

# A report with the evidence of all its cells is the largest message; far more than it needs.
MOST_BYTES = 4 * 1024 * 1024
REQUEST_TIMEOUT_S = 10.0
BOOTSTRAP_TIMEOUT_S = 3.0
# The library's 30 s between two tries would let a broker that is back wait for its clients.
LONGEST_RECONNECT_S = 1.0


def client_arguments(settings: KafkaSettings) -> dict[str, Any]:
    """Arguments that all clients of kafka-python take: where, and how to prove oneself."""
    return {
        "bootstrap_servers": settings.bootstrap_servers.split(","),
        "client_id": f"frottis-{settings.prefix}" if settings.prefix else "frottis",
        "request_timeout_ms": ms(REQUEST_TIMEOUT_S),
        "bootstrap_timeout_ms": ms(BOOTSTRAP_TIMEOUT_S),
        "reconnect_backoff_max_ms": ms(LONGEST_RECONNECT_S),
        "metadata_max_age_ms": ms(60.0),
        "security_protocol": settings.security_protocol,
        **_authentication(settings),
        **tls_arguments(settings),
    }


def ms(seconds: float) -> int:
    """Whole milliseconds, as kafka-python counts time."""
    return round(seconds * 1000)


def _authentication(settings: KafkaSettings) -> dict[str, Any]:
    if not settings.security_protocol.startswith("SASL"):
        return {}
    return {
        "sasl_mechanism": settings.sasl_mechanism,
        "sasl_plain_username": settings.user,
        "sasl_plain_password": settings.password(),
    }
