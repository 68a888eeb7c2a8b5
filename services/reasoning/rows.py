"""Rows that hold messages."""

from collections.abc import Mapping

from google.protobuf.message import Message
from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def content(message: Message) -> bytes:
    """A message's bytes: the same for the same content."""
    return message.SerializeToString(deterministic=True)


def insert_new(connection: Connection, table: Table, row: Mapping[str, object]) -> bool:
    """Insert `row`; False, and nothing changed, when its primary key is there."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(**row).on_conflict_do_nothing()
    return connection.execute(statement).rowcount == 1
