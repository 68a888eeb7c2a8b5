"""The state databases of a process: on the server that the settings name, else in its state folder."""

from pathlib import Path

from sqlalchemy import MetaData

from services.kit.database import Database
from services.kit.database_settings import DatabaseSettings


class Databases:
    """Opens each service's own, and knows how they are."""

    def __init__(self, state: Path, settings: DatabaseSettings) -> None:
        self._state = state
        self._settings = settings
        self._opened: list[Database] = []

    def open(self, service: str, tables: MetaData) -> Database:
        """The service's database. Raises StateUnusable."""
        if self._settings.url:
            database = Database.on_server(self._settings, service, tables)
        else:
            database = Database.in_file(self._file(service), tables)
        self._opened.append(database)
        return database

    def read(self, service: str, tables: MetaData) -> Database:
        """The database of a service of another process, to read alone. Raises StateUnusable."""
        return self.open(service, tables) if self._settings.url else Database.read_file(self._file(service), tables)

    def problem(self) -> str | None:
        """What one of them waits for; None when all could be used at the last try."""
        return next(filter(None, (database.problem() for database in self._opened)), None)

    def _file(self, service: str) -> Path:
        return self._state / f"{service}.db"
