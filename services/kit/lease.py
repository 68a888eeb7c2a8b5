"""Which replica does a work that one at a time must do: by a row that its holder keeps changing.

Clocks of two machines are never compared: a replica that sees the row unchanged for `patience_s`, by its own clock,
takes the work over. The row says who holds it, and whoever writes as the holder asks for that within the same
transaction, so one that was frozen and wakes again changes nothing any more. For what no transaction holds, such as
bytes that go out, the holder relies on each sign of life for two thirds of the others' patience, counted from before it
gave it.
"""

import math
from collections.abc import Iterable
from threading import Lock
from uuid import uuid4

import structlog
from sqlalchemy import BigInteger, Boolean, Column, ColumnElement, MetaData, Row, String, Table, select, update
from sqlalchemy.engine import Connection

from services.kit.clock import Clock
from services.kit.database import Database, upsert
from services.kit.errors import TransientError
from services.kit.transport import Outgoing

# The holder gives a sign of life after this part of the others' patience, and relies on each for that part: clocks may
# run at different speeds, and a write may take its time.
BEAT_AFTER, TRUSTED = 1 / 3, 2 / 3
_NEVER = float("-inf")

log = structlog.get_logger()


class LeaseLost(TransientError):
    """Another replica does the work by now, or may do so."""


def leases_in(metadata: MetaData) -> Table:
    """The table of a service's leases: works that one replica at a time does."""
    return Table(
        "leases",
        metadata,
        Column("name", String, primary_key=True),
        # A process' own name of itself, made up at its start.
        Column("holder", String, nullable=False),
        # Counts the holder's signs of life.
        Column("beats", BigInteger, nullable=False),
        # Another that can do the work may take it at once.
        Column("offered", Boolean, nullable=False),
    )


class Lease:
    """What one replica has to do with one work. Safe for use by several threads.

    `reign` changes whenever the work comes to it, anew or back from another. A holder that got no further with its work
    for `hangs_s` is taken to hang, and gives no more signs of life. `exclusive` says that no other process has the
    database, so that whoever held the work before is dead.
    """

    def __init__(
        self,
        database: Database,
        table: Table,
        name: str,
        patience_s: float,
        clock: Clock,
        *,
        exclusive: bool,
        hangs_s: float = math.inf,
    ) -> None:
        self.reign = 0
        self._reigning = False
        self._offering = False
        self._database = database
        self._table = table
        self._name = name
        self._patience_s = patience_s
        self._hangs_s = hangs_s
        self._exclusive = exclusive
        self._clock = clock
        self._me = uuid4().hex
        self._lock = Lock()
        self._seen: tuple[str, int] | None = None
        self._seen_at = self._beaten_at = self._progress_at = _NEVER

    def take(self, *, offering: bool = False) -> bool:
        """Whether this replica does the work now. Raises TransientError.

        One that is `offering` cannot do it well: it takes it from nobody but the dead, and leaves it to who asks.
        """
        with self._lock:
            self.progress()
            if not self._reigning or self._offering != offering or self._due():
                self._ask(offering=offering)
            return self._reigning and self._clock.monotonic() < self._until

    def progress(self) -> None:
        """The work gets on."""
        self._progress_at = self._clock.monotonic()

    def renew(self) -> Iterable[Outgoing]:
        """A timer's work: a sign of life while the work takes its time. Sends nothing. Raises TransientError."""
        with self._lock:
            if self._reigning and self._due() and self._clock.monotonic() - self._progress_at < self._hangs_s:
                began = self._clock.monotonic()
                beat = update(self._table).where(self._held()).values(beats=self._table.c.beats + 1)
                with self._database.transaction() as connection:
                    self._reigning = connection.execute(beat).rowcount == 1
                if self._reigning:
                    self._beaten_at = began
        return ()

    def rely(self) -> None:
        """The last act before what cannot be taken back. Raises LeaseLost once another replica may have taken over."""
        if not self._reigning or self._clock.monotonic() >= self._until:
            raise LeaseLost(f"this replica was held up for longer than its lease of the work {self._name!r}")

    def require(self, connection: Connection) -> None:
        """Raises LeaseLost unless, within this transaction, the work is this replica's."""
        if connection.execute(select(self._table.c.name).where(self._held())).first() is None:
            raise LeaseLost(f"another replica does the work {self._name!r} by now")

    def give_back(self) -> None:
        """Another replica may take the work at once. Raises TransientError."""
        with self._lock:
            self._reigning = False
            with self._database.transaction() as connection:
                connection.execute(update(self._table).where(self._held()).values(offered=True))

    @property
    def _until(self) -> float:
        """Until when no other takes the work over (monotonic, s)."""
        return math.inf if self._exclusive else self._beaten_at + TRUSTED * self._patience_s

    def _ask(self, *, offering: bool) -> None:
        began = self._clock.monotonic()
        with self._database.transaction() as connection:
            row = connection.execute(select(self._table).where(self._table.c.name == self._name)).one_or_none()
            mine = row is not None and row.holder == self._me
            # Also where the answer to the commit is lost: the reign that follows is a new one.
            self._reigning = self._reigning and mine
            if row is not None and not mine and not self._may_take(row, offering=offering):
                return
            beats = row.beats + 1 if row is not None else 1
            upsert(
                connection,
                self._table,
                {"name": self._name, "holder": self._me, "beats": beats, "offered": offering},
            )
        self._beaten_at, self._offering = began, offering
        if not self._reigning:
            self._reigning = True
            self.reign += 1
            log.info("this replica does the work now", work=self._name)

    def _held(self) -> ColumnElement[bool]:
        return (self._table.c.name == self._name) & (self._table.c.holder == self._me)

    def _may_take(self, row: Row[tuple[str, str, int, bool]], *, offering: bool) -> bool:
        # Looked at after the row was read: the holder's own count began before it wrote the row.
        now, seen = self._clock.monotonic(), (row.holder, row.beats)
        if seen != self._seen:
            self._seen, self._seen_at = seen, now
        silent = self._exclusive or now - self._seen_at >= self._patience_s
        return silent or (row.offered and not offering)

    def _due(self) -> bool:
        beat_at = self._beaten_at + self._patience_s * BEAT_AFTER
        return not self._exclusive and self._clock.monotonic() >= beat_at
