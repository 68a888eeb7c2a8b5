"""TLS towards Kafka: the broker is always verified, by name too."""

import ssl
from typing import Any

from services.kit.errors import SettingsError
from services.kit.kafka.settings import KafkaSettings


class _Socket(ssl.SSLSocket):
    """Closed when the handshake fails; kafka-python leaves it to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except BaseException:
            self.close()
            raise


def tls_arguments(settings: KafkaSettings) -> dict[str, Any]:
    """Arguments of a client; none without TLS. Raises SettingsError when a file is not what it should be."""
    if not settings.security_protocol.endswith("SSL"):
        return {}
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.certificate_file is not None:
            context.load_cert_chain(settings.certificate_file, settings.key_file)
    except ssl.SSLError as error:
        raise SettingsError(
            f"a file of FROTTIS_KAFKA_CA_FILE, …_CERTIFICATE_FILE, …_KEY_FILE is not as it should be: {error.reason}"
        ) from error
    context.sslsocket_class = _Socket
    return {"ssl_context": context}
