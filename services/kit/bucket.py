"""A bucket of an S3 server, as obstore reaches it."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from obstore.store import S3Store

from services.kit.object_settings import ObjectSettings

if TYPE_CHECKING:
    from obstore.store import BackoffConfig, ClientConfig, S3Credential

# After this a secret is read again from its file, so that a new one needs no new start.
_SECRET_AGE = timedelta(minutes=5)
_BACKOFF: "BackoffConfig" = {
    "init_backoff": timedelta(milliseconds=100),
    "max_backoff": timedelta(seconds=1),
    "base": 2,
}


def open_bucket(settings: ObjectSettings) -> S3Store:
    """The bucket that the settings name. Nothing is connected yet."""
    return S3Store(
        settings.bucket,
        endpoint=settings.endpoint.rstrip("/"),
        region=settings.region,
        virtual_hosted_style_request=False,
        disable_tagging=not settings.tagging,
        client_options=_client(settings),
        retry_config={
            "max_retries": 10,
            "retry_timeout": timedelta(seconds=settings.retry_s),
            "backoff": _BACKOFF,
        },
        credential_provider=_Proof(settings),
    )


class _Proof:
    """Who we are, asked by obstore when the last answer is about to expire."""

    def __init__(self, settings: ObjectSettings) -> None:
        self._settings = settings

    def __call__(self) -> "S3Credential":
        return {
            "access_key_id": self._settings.access_key_id,
            "secret_access_key": self._settings.secret(),
            "token": None,
            "expires_at": datetime.now(UTC) + _SECRET_AGE,
        }


def _client(settings: ObjectSettings) -> "ClientConfig":
    client: ClientConfig = {
        "allow_http": settings.endpoint.startswith("http://"),
        "connect_timeout": timedelta(seconds=settings.connect_s),
        "timeout": timedelta(seconds=settings.request_s),
    }
    if settings.ca_file is not None:
        client["root_certificate"] = settings.ca_file.read_bytes()
    return client
