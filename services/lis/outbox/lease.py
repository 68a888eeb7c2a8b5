"""Which replica sends: one at a time, by a row that the one which sends keeps changing.

Clocks of two machines are never compared. The holder counts its words on the row and relies on each for `lease_s`, from
before it was spoken. Another takes over once it has seen the same word for longer than that, by its own clock. So a
holder that was killed is followed, and one that was frozen finds that its time is over: by its own clock right before
it writes to the LIS, and by the row in every transaction in which it records what came of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock
from uuid import uuid4

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection

from services.kit.clock import Clock
from services.kit.database import Database
from services.kit.transport import Outgoing
from services.lis.errors import SendingElsewhere
from services.lis.tables import SENDER

# The holder speaks again after this part of the lease.
RENEW_AFTER = 0.3
# Others wait this many times the lease, so that clocks may run at different speeds and a write may take its time.
PATIENCE = 1.5
_NOBODY = ""
_ROW = 1
_NEVER = float("-inf")


@dataclass(frozen=True)
class Word:
    """What stands on the row: who holds the lease, and how often it was spoken for."""

    holder: str
    beat: int


class Lease:
    """The part of one process in it. Safe for use by several threads; those that touch the row raise TransientError.

    `exclusive` says that no other process has the database, so that whoever held the lease before is dead.
    """

    def __init__(self, database: Database, clock: Clock, lease_s: float, *, exclusive: bool) -> None:
        self._database = database
        self._clock = clock
        self._lease_s = lease_s
        self._patience_s = 0.0 if exclusive else PATIENCE * lease_s
        self._me = uuid4().hex
        self._lock = Lock()
        # Until when this process may send, by its own clock (monotonic, s).
        self._until = _NEVER
        self._seen = Word(_NOBODY, -1)
        self._seen_at = _NEVER

    def hold(self) -> bool:
        """Take the lease or keep it; False while another replica has it."""
        with self._lock:
            return self._keep()

    def renew(self) -> Iterable[Outgoing]:
        """A timer's work, while a message is under way: keep the lease if it is held. Sends nothing."""
        with self._lock:
            if self._until != _NEVER:
                self._keep()
        return ()

    def require(self) -> None:
        """The last act before bytes go out. Raises SendingElsewhere once another replica may have taken over."""
        if self._clock.monotonic() >= self._until:
            raise SendingElsewhere("this replica was held up for longer than its lease: another one may send")

    def check(self, connection: Connection) -> None:
        """Within the transaction of `connection`, this replica may record. Raises SendingElsewhere."""
        if _read(connection).holder != self._me:
            raise SendingElsewhere("another replica has taken over sending")

    def release(self) -> None:
        """Nothing is under way: another may send at once."""
        with self._lock, self._database.transaction() as connection:
            self._until = _NEVER
            word = _read(connection)
            if word.holder == self._me:
                _swap(connection, word, Word(_NOBODY, word.beat + 1))

    def _keep(self) -> bool:
        began = self._clock.monotonic()
        if began < self._until - (1 - RENEW_AFTER) * self._lease_s:
            return True
        self._until = began + self._lease_s if self._speak() else _NEVER
        return self._clock.monotonic() < self._until

    def _speak(self) -> bool:
        with self._database.transaction() as connection:
            word = _read(connection)
            return self._may_take(word) and _swap(connection, word, Word(self._me, word.beat + 1))

    def _may_take(self, word: Word) -> bool:
        # Looked at after the row was read: the holder's own count began before it wrote the row.
        now = self._clock.monotonic()
        if word != self._seen:
            self._seen, self._seen_at = word, now
        return word.holder in (self._me, _NOBODY) or now - self._seen_at >= self._patience_s


def _read(connection: Connection) -> Word:
    found = connection.execute(select(SENDER.c.holder, SENDER.c.beat).where(SENDER.c.id == _ROW)).one_or_none()
    if found is None:
        connection.execute(insert(SENDER).values(id=_ROW, holder=_NOBODY, beat=0))
        return Word(_NOBODY, 0)
    return Word(found.holder, found.beat)


def _swap(connection: Connection, before: Word, after: Word) -> bool:
    """Replace `before` by `after`; False, and nothing changed, when something else stands there by now."""
    unchanged = (SENDER.c.id == _ROW) & (SENDER.c.holder == before.holder) & (SENDER.c.beat == before.beat)
    changed = connection.execute(update(SENDER).where(unchanged).values(holder=after.holder, beat=after.beat))
    return changed.rowcount == 1
