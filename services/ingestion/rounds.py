"""What each round of a slide read, to be said again as it was said, and the rounds that were given up."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select, update

from services.ingestion.tables import ANSWERED, GIVEN_UP, ROUNDS, TILES
from services.kit.contracts import Reading, Scan, Tile
from services.kit.database import Database, upsert


class RoundStore:
    """Durable when a method returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, reading: Reading, tiles: Iterable[Tile], name: str, word: Scan | None = None) -> Reading:
        """Record what a round read from the scan called `name`; `word` is the admission that a first round answers.

        Returns the round as it is on record. That is another's where two replicas read it at the same time, as when one
        was frozen and its work given to the other: the first counts, and both say it.
        """
        slide_id = reading.slide.slide_id
        row = {"slide_id": slide_id, "round": reading.round, "reading": reading.SerializeToString()}
        with self._database.transaction() as connection:
            before = connection.execute(_reading(slide_id, reading.round)).scalar_one_or_none()
            if before is not None:
                return Reading.FromString(before)
            connection.execute(insert(ROUNDS).values(row))
            _save_tiles(connection, slide_id, reading.round, tiles)
            connection.execute(update(GIVEN_UP).where(GIVEN_UP.c.name == name).values(in_a_row=0))
            if word is not None:
                answered = {"slide_id": slide_id, "name": word.name, "revision": word.revision}
                upsert(connection, ANSWERED, answered)
        return reading

    def of(self, slide_id: str) -> dict[int, Reading]:
        """What each round of a slide read, by number."""
        query = select(ROUNDS.c.round, ROUNDS.c.reading).where(ROUNDS.c.slide_id == slide_id)
        with self._database.transaction() as connection:
            return {row.round: Reading.FromString(row.reading) for row in connection.execute(query)}

    def tiles(self, slide_id: str, number: int) -> list[Tile]:
        """A round's tiles in the order in which they were cut."""
        wanted = (TILES.c.slide_id == slide_id) & (TILES.c.round == number)
        query = select(TILES.c.tile).where(wanted).order_by(TILES.c.place)
        with self._database.transaction() as connection:
            return [Tile.FromString(tile) for tile in connection.execute(query).scalars()]

    def answered(self, word: Scan) -> bool:
        """Whether the slide's first round was the answer to this very word."""
        same = (ANSWERED.c.slide_id == word.slide.slide_id) & (ANSWERED.c.name == word.name)
        query = select(ANSWERED.c.slide_id).where(same, ANSWERED.c.revision == word.revision)
        with self._database.transaction() as connection:
            return connection.execute(query).first() is not None

    def read_as(self, name: str) -> list[Reading]:
        """The first round of every slide that was read under this scan's name."""
        query = select(ROUNDS.c.reading).join(ANSWERED, ANSWERED.c.slide_id == ROUNDS.c.slide_id)
        with self._database.transaction() as connection:
            rows = connection.execute(query.where(ROUNDS.c.round == 1, ANSWERED.c.name == name))
            return [Reading.FromString(reading) for reading in rows.scalars()]

    def give_up(self, slide_id: str, name: str) -> int:
        """A round is worth nothing; returns how many of this scan in a row were."""
        with self._database.transaction() as connection:
            query = select(GIVEN_UP.c.times, GIVEN_UP.c.in_a_row).where(GIVEN_UP.c.slide_id == slide_id)
            times, in_a_row = connection.execute(query).one_or_none() or (0, 0)
            row = {"slide_id": slide_id, "name": name, "times": times + 1, "in_a_row": in_a_row + 1}
            upsert(connection, GIVEN_UP, row)
            total = select(func.sum(GIVEN_UP.c.in_a_row)).where(GIVEN_UP.c.name == name)
            return int(connection.execute(total).scalar_one())

    def given_up(self, slide_id: str) -> int:
        """How many rounds of the slide were ever given up: tiles of the next must not be taken for theirs."""
        query = select(GIVEN_UP.c.times).where(GIVEN_UP.c.slide_id == slide_id)
        with self._database.transaction() as connection:
            return connection.execute(query).scalar_one_or_none() or 0


def _reading(slide_id: str, number: int) -> Select[Any]:
    return select(ROUNDS.c.reading).where(ROUNDS.c.slide_id == slide_id, ROUNDS.c.round == number)


def _save_tiles(connection: Connection, slide_id: str, number: int, tiles: Iterable[Tile]) -> None:
    rows = [
        {"slide_id": slide_id, "round": number, "place": place, "tile": tile.SerializeToString()}
        for place, tile in enumerate(tiles)
    ]
    if rows:
        connection.execute(insert(TILES), rows)
