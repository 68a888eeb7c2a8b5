from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from services.ingestion.tables import LEASES, METADATA
from services.kit.clock import ManualClock
from services.kit.database import Database
from services.kit.errors import TransientError
from services.kit.lease import Lease

START = datetime(2026, 1, 1, tzinfo=UTC)


PATIENCE_S = 20.0


@pytest.fixture
def database(tmp_path):
    database = Database.in_file(tmp_path / "ingestion.db", METADATA)
    yield database
    database.close()


class AnswerLost:
    """A database whose next commit succeeds without its answer reaching us."""

    def __init__(self, database):
        self._database = database
        self.lost = False

    @contextmanager
    def transaction(self):
        with self._database.transaction() as connection:
            yield connection
        if self.lost:
            self.lost = False
            raise TransientError("the connection broke")


def test_a_reign_is_a_new_one_although_the_answer_to_taking_over_was_lost(database):
    clock, broken = ManualClock(START), AnswerLost(database)
    mine = Lease(broken, LEASES, "watching", PATIENCE_S, clock, exclusive=False)
    other = Lease(database, LEASES, "watching", PATIENCE_S, clock, exclusive=False)
    assert mine.take()
    assert mine.reign == 1
    assert not other.take()
    clock.advance(PATIENCE_S)
    assert other.take()
    assert not mine.take()
    clock.advance(PATIENCE_S)
    broken.lost = True
    with pytest.raises(TransientError):
        mine.take()
    assert mine.take()
    assert mine.reign == 2
