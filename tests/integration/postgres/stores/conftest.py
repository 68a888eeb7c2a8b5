"""The services' own tests, on PostgreSQL: whatever state they open in a file is opened on the server."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from services.kit.database import Database
from tests.integration.postgres.conftest import emptied


@dataclass
class Substitute:
    """Opens a service's schema in place of a file; another file of the same service begins with empty tables."""

    server: object
    path: Path | None = None

    def in_file(self, path, tables):
        service = tables.info["migrations"].parent.name
        if path != self.path:
            emptied(self.server, tables)
            self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        return Database.on_server(self.server.settings(f"frottis_{service}"), service, tables)


@pytest.fixture(autouse=True)
def _state_on_the_server(postgres, monkeypatch):
    substitute = Substitute(postgres)
    monkeypatch.setattr(Database, "in_file", substitute.in_file)
    yield
    assert substitute.path is None or not substitute.path.exists()
