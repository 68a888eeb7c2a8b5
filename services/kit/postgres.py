"""PostgreSQL as a state database: a schema for each service, durable, and one transaction of a service at a time."""

import hashlib
import math
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url

from services.kit.database_errors import StateUnusable
from services.kit.database_settings import DatabaseSettings
from services.kit.errors import TransientError

# Seconds after which a server that went without a word is noticed, by probes every few seconds (libpq, tcp(7)).
_SILENCE_S, _PROBE_EVERY_S, _PROBES = 10, 5, 3
# Seconds after which a connection is replaced, so that services find back to a primary that moved.
_CONNECTION_AGE_S = 1800


def postgres_engine(settings: DatabaseSettings, service: str, user: str | None = None) -> Engine:
    """An engine on the service's schema, as `user` where the URL names none. Nothing is connected yet."""
    engine = create_engine(
        _url(settings, user or f"frottis_{service}"),
        connect_args=_arguments(settings, service),
        # Each statement sees what was committed before the lock was given, also while it was waited for.
        isolation_level="READ COMMITTED",
        pool_pre_ping=True,
        pool_size=settings.connections,
        max_overflow=0,
        pool_timeout=settings.lock_s,
        pool_recycle=_CONNECTION_AGE_S,
        hide_parameters=True,
    )
    lock = f"SELECT pg_advisory_xact_lock({_lock_of(service)})"

    # What BEGIN IMMEDIATE is on SQLite: between a transaction's reads and its writes nothing else may change.
    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(lock)

    @event.listens_for(engine, "do_connect")
    def _prove(_dialect: object, _record: object, _positional: object, named: dict[str, Any]) -> None:
        try:
            named["password"] = settings.password()
        except ValueError as error:
            raise TransientError(f"FROTTIS_DATABASE_PASSWORD_FILE: {error}") from error

    return engine


def check_server(connection: Connection) -> None:
    """Raises StateUnusable where text would sort or be kept otherwise than on SQLite, or commits could be lost."""
    query = "SELECT current_setting('server_encoding'), 'a' < 'B', current_setting('synchronous_commit')"
    encoding, by_language, commits = connection.execute(text(query)).one()
    if encoding != "UTF8" or by_language:
        raise StateUnusable("the database must have the encoding UTF8 and the collation C: see deploy/postgres")
    if commits == "off":
        raise StateUnusable("the server has synchronous_commit off, which loses what was committed: set it to on")


def _url(settings: DatabaseSettings, user: str) -> URL:
    url = make_url(settings.url).set(drivername="postgresql+psycopg")
    return url if url.username else url.set(username=user)


def _arguments(settings: DatabaseSettings, service: str) -> dict[str, Any]:
    limits = {
        "search_path": service,
        "lock_timeout": _ms(settings.lock_s),
        "statement_timeout": _ms(settings.statement_s),
        "idle_in_transaction_session_timeout": _ms(settings.idle_s),
    }
    return {
        "application_name": f"frottis-{service}",
        "options": " ".join(f"-c {name}={value}" for name, value in limits.items()),
        "connect_timeout": math.ceil(settings.connect_s),
        "keepalives_idle": _SILENCE_S,
        "keepalives_interval": _PROBE_EVERY_S,
        "keepalives_count": _PROBES,
        "tcp_user_timeout": 1000 * (_SILENCE_S + _PROBES * _PROBE_EVERY_S),
        "gssencmode": "disable",
        **_proofs(settings),
    }


def _proofs(settings: DatabaseSettings) -> dict[str, Any]:
    """How server and client prove themselves. A server that asks for the password itself does not get it."""
    proofs: dict[str, Any] = {"sslmode": settings.tls}
    if settings.tls == "verify-full":
        proofs["sslrootcert"] = str(settings.ca_file or "system")
    if settings.certificate_file is not None:
        proofs |= {"sslcert": str(settings.certificate_file), "sslkey": str(settings.key_file)}
    if settings.password_file is not None:
        proofs["require_auth"] = "scram-sha-256"
    return proofs


def _lock_of(service: str) -> int:
    """A number for the service among all advisory locks of the database (bigint)."""
    return int.from_bytes(hashlib.sha256(f"frottis {service}".encode()).digest()[:8], signed=True)


def _ms(seconds: float) -> int:
    return math.ceil(1000 * seconds)
