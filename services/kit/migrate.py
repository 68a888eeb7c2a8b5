"""`python -m services.kit.migrate [SERVICE …]`: make or migrate the tables on PostgreSQL, as their owner.

To be run before the services of a new version start, with the settings of the owner. Without a name, for each service
that is installed. Of two that run at the same time, one waits for the other and finds nothing to do.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import structlog
from sqlalchemy import MetaData
from sqlalchemy.exc import DBAPIError

from services.kit.database_errors import StateUnusable, cause, is_transient
from services.kit.database_settings import DatabaseSettings
from services.kit.errors import SettingsError, TransientError
from services.kit.exits import told
from services.kit.migrations import migrate
from services.kit.postgres import check_server, postgres_engine
from services.kit.telemetry import configure_logging

OWNER = "frottis_owner"
# A migration may rewrite tables, and another one may be at it.
_PATIENCE = {"lock_s": 3600.0, "statement_s": 3600.0, "idle_s": 3600.0}
_SERVICES = Path(__file__).resolve().parents[1]

log = structlog.get_logger()


def migrate_service(settings: DatabaseSettings, service: str) -> bool:
    """Bring a service's schema to the last version; False when it was. Raises TransientError, StateUnusable."""
    tables: MetaData = import_module(f"services.{service}.tables").METADATA
    engine = postgres_engine(settings.model_copy(update=_PATIENCE), service, OWNER)
    try:
        with engine.begin() as connection:
            check_server(connection)
            return migrate(connection, tables)
    except DBAPIError as error:
        if is_transient(error):
            raise TransientError(f"the database cannot be used now ({cause(error)})") from None
        raise StateUnusable(
            f"the tables of {service} cannot be made ({cause(error)}): run as {OWNER}, after deploy/postgres/roles.sql"
        ) from None
    finally:
        engine.dispose()


def with_migrations() -> list[str]:
    """The installed services that keep tables."""
    return sorted(folder.parent.name for folder in _SERVICES.glob("*/migrations"))


def main(names: Sequence[str]) -> None:
    """Migrate the named services, or all; ends with an exit code and one sentence when it cannot."""
    configure_logging()
    with told("frottis migrate"):
        settings = DatabaseSettings.load()
        if not settings.url:
            raise SettingsError("FROTTIS_DATABASE_URL is not set: the state folder's databases migrate by themselves")
        for service in _known(names) or with_migrations():
            changed = migrate_service(settings, service)
            log.info("tables migrated" if changed else "tables were migrated before", service=service)


def _known(names: Sequence[str]) -> Sequence[str]:
    unknown = sorted(set(names) - set(with_migrations()))
    if unknown:
        raise SettingsError(f"{', '.join(unknown)}: no service with tables; known are {', '.join(with_migrations())}")
    return names


if __name__ == "__main__":
    main(sys.argv[1:])
