import pytest
from sqlalchemy import select

from services.kit.database import Database
from services.review.tables import DELIVERIES, METADATA
from stack.postgres import ADMINISTRATOR, Postgres, PostgresMissing


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    try:
        server = Postgres(tmp_path_factory.mktemp("postgres") / "server")
    except PostgresMissing as missing:
        pytest.skip(str(missing))
    with server:
        server.prepare()
        yield server


def emptied(server, tables):
    """Leave no row in the service's tables."""
    service = tables.info["migrations"].parent.name
    with server.connect(ADMINISTRATOR) as connection:
        names = ", ".join(f"{service}.{name}" for name in tables.tables)
        connection.execute("SET lock_timeout = '20s'")
        connection.execute(f"TRUNCATE {names} RESTART IDENTITY")


class Review:
    """The state of the review service on the server, opened as often as wanted, and one of its tables to write to."""

    def __init__(self, server):
        self.server = server
        self.opened = []

    def settings(self, **changes):
        return self.server.settings("frottis_review").model_copy(update=changes)

    def open(self, **changes):
        self.opened.append(Database.on_server(self.settings(**changes), "review", METADATA))
        return self.opened[-1]

    def rows(self):
        """Names and numbers of the rows."""
        with self.open().transaction() as connection:
            return dict(connection.execute(select(DELIVERIES.c.report_id, DELIVERIES.c.value)).all())


def row(name, value=0):
    return {"report_id": name, "control_id": "", "delivery": b"", "value": value, "code": "", "text": ""}


@pytest.fixture
def review(postgres):
    """With empty tables."""
    emptied(postgres, METADATA)
    made = Review(postgres)
    yield made
    for database in made.opened:
        database.close()
