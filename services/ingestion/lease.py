"""Which replica does a work that one at a time must do: by a row that its holder keeps changing.

Clocks of two machines are never compared: a replica that sees the row unchanged for `patience_s`, by its own clock,
takes the work over. The row alone says who holds it, and whoever writes as the holder asks for that within the same
transaction, so one that was frozen and wakes again changes nothing any more.
"""

from collections.abc import Iterable
from uuid import uuid4

import structlog
from sqlalchemy import ColumnElement, Row, select, update
from sqlalchemy.engine import Connection

from services.ingestion.tables import LEASES
from services.kit.clock import Clock
from services.kit.database import Database, upsert
from services.kit.errors import TransientError
from services.kit.transport import Outgoing

# The holder gives a sign of life after this part of the others' patience.
BEAT_AFTER = 1 / 3
# A holder that got no further with its work for so long is taken to hang, on a share that does not answer perhaps.
HANGS_S = 300.0
_NEVER = float("-inf")

log = structlog.get_logger()


class LeaseLost(TransientError):
    """Another replica does the work by now."""


class Lease:
    """What one replica has to do with one work.

    `reign` changes whenever the work comes to it, anew or back from another. `exclusive` says that no other process has
    the database, so that whoever held the work before is dead.
    """

    def __init__(self, database: Database, name: str, patience_s: float, clock: Clock, *, exclusive: bool) -> None:
        self.reign = 0
        self._reigning = False
        self._database = database
        self._name = name
        self._patience_s = patience_s
        self._exclusive = exclusive
        self._clock = clock
        self._me = uuid4().hex
        self._seen: tuple[str, int] | None = None
        self._seen_at = self._beaten_at = self._progress_at = _NEVER

    def take(self, *, offering: bool = False) -> bool:
        """Whether this replica does the work now. Raises TransientError.

        One that is `offering` cannot do it well: it takes it from nobody but the dead, and leaves it to who asks.
        """
        self.progress()
        with self._database.transaction() as connection:
            row = connection.execute(select(LEASES).where(LEASES.c.name == self._name)).one_or_none()
            mine = row is not None and row.holder == self._me
            # Also where the answer to the commit is lost: the reign that follows is a new one.
            self._reigning = self._reigning and mine
            if row is not None and not mine and not self._may_take(row, offering=offering):
                return False
            if row is None or not mine or row.offered != offering or self._due():
                self._write(connection, row.beats + 1 if row is not None else 1, offered=offering)
        if not self._reigning:
            self._reigning = True
            self.reign += 1
            log.info("this replica does the work now", work=self._name)
        return True

    def progress(self) -> None:
        """The work gets on."""
        self._progress_at = self._clock.monotonic()

    def renew(self) -> Iterable[Outgoing]:
        """A timer's work: a sign of life while the work takes its time. Sends nothing. Raises TransientError."""
        if self._due() and self._clock.monotonic() - self._progress_at < HANGS_S:
            with self._database.transaction() as connection:
                beat = update(LEASES).where(self._held()).values(beats=LEASES.c.beats + 1)
                if connection.execute(beat).rowcount:
                    self._beaten_at = self._clock.monotonic()
        return ()

    def require(self, connection: Connection) -> None:
        """Raises LeaseLost unless, within this transaction, the work is this replica's."""
        if connection.execute(select(LEASES.c.name).where(self._held())).first() is None:
            raise LeaseLost(f"another replica does the work {self._name!r} by now")

    def give_back(self) -> None:
        """Another replica may take the work at once. Raises TransientError."""
        with self._database.transaction() as connection:
            connection.execute(update(LEASES).where(self._held()).values(offered=True))

    def _held(self) -> ColumnElement[bool]:
        return (LEASES.c.name == self._name) & (LEASES.c.holder == self._me)

    def _may_take(self, row: Row[tuple[str, str, int, bool]], *, offering: bool) -> bool:
        now, seen = self._clock.monotonic(), (row.holder, row.beats)
        if seen != self._seen:
            self._seen, self._seen_at = seen, now
        silent = self._exclusive or now - self._seen_at >= self._patience_s
        return silent or (row.offered and not offering)

    def _due(self) -> bool:
        return not self._exclusive and self._clock.monotonic() - self._beaten_at >= self._patience_s * BEAT_AFTER

    def _write(self, connection: Connection, beats: int, *, offered: bool) -> None:
        row = {"name": self._name, "holder": self._me, "beats": beats, "offered": offered}
        upsert(connection, LEASES, row)
        self._beaten_at = self._clock.monotonic()
