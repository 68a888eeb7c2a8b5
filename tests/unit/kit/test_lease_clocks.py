"""The lease by itself: whatever the replicas' clocks do, no two rely on it at the same moment."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.kit.clock import ManualClock
from services.kit.database import Database
from services.kit.lease import TRUSTED, Lease, LeaseLost
from services.lis.tables import LEASES, METADATA
from tests.unit.lis.conftest import NOW

LEASE_S = 10.0
# Seconds that pass on each replica's clock when one passes on the wall.
RATES = (1.0, 0.85, 1.15)


def lease_of(database, clock, *, exclusive):
    return Lease(database, LEASES, "sending", LEASE_S / TRUSTED, clock, exclusive=exclusive)


class Replica:
    """A process: its own clock, and whether it is frozen."""

    def __init__(self, database, rate):
        self.clock = ManualClock(NOW)
        self.clock.advance(rate * 1e6)
        self.rate = rate
        self.frozen = False
        self.lease = lease_of(database, self.clock, exclusive=False)

    def may_write(self):
        try:
            self.lease.rely()
        except LeaseLost:
            return False
        return True


class Replicas(RuleBasedStateMachine):
    """Replicas hold, freeze, thaw, end and are started anew, at any moments."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.database = Database.in_file(Path(self.folder.name) / "lis.db", METADATA)
        self.replicas = [Replica(self.database, rate) for rate in RATES]

    def teardown(self):
        self.database.close()
        self.folder.cleanup()

    @rule(who=st.integers(0, 2))
    def holds(self, who):
        replica = self.replicas[who]
        if not replica.frozen:
            assert replica.lease.take() == replica.may_write()

    @rule(who=st.integers(0, 2))
    def renews(self, who):
        if not self.replicas[who].frozen:
            self.replicas[who].lease.renew()

    @rule(who=st.integers(0, 2))
    def ends(self, who):
        if not self.replicas[who].frozen:
            self.replicas[who].lease.give_back()

    @rule(who=st.integers(0, 2))
    def is_killed_and_started_anew(self, who):
        self.replicas[who] = Replica(self.database, RATES[who])

    @rule(who=st.integers(0, 2))
    def freezes_or_thaws(self, who):
        self.replicas[who].frozen = not self.replicas[who].frozen

    @rule(seconds=st.sampled_from([0.5, 2.0, 4.0, 9.0, 14.0, 40.0]))
    def time_passes(self, seconds):
        for replica in self.replicas:
            replica.clock.advance(seconds * replica.rate)

    @precondition(lambda self: not any(replica.frozen for replica in self.replicas))
    @rule(who=st.integers(0, 2))
    def somebody_sends_in_the_end(self, who):
        """Nobody waits for ever: two looks, the time in which another may still hold it between them."""
        for _ in range(2):
            held = [replica.lease.take() for replica in self.replicas]
            self.time_passes(2 * LEASE_S)
        assert any(held)

    @invariant()
    def at_most_one_may_write(self):
        assert sum(replica.may_write() for replica in self.replicas) <= 1


TestReplicas = Replicas.TestCase
TestReplicas.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)


@pytest.fixture
def leases(tmp_path):
    databases = [Database.in_file(tmp_path / "lis.db", METADATA) for _ in range(2)]
    clock = ManualClock(NOW)
    yield clock, [lease_of(database, clock, exclusive=True) for database in databases]
    for database in databases:
        database.close()


def test_on_a_file_that_one_process_has_nobody_waits_for_the_dead(leases):
    _, (dead, alive) = leases
    assert dead.take()
    assert alive.take()


def test_who_lost_the_lease_records_nothing_even_before_its_clock_says_so(leases):
    _, (one, other) = leases
    one.take()
    other.take()
    one.rely()
    with one._database.transaction() as connection, pytest.raises(LeaseLost):
        one.require(connection)
    with other._database.transaction() as connection:
        other.require(connection)


def test_a_word_spoken_while_the_database_made_it_wait_is_counted_from_before(leases, monkeypatch):
    clock, (exclusive, _) = leases
    database = exclusive._database
    one = lease_of(database, clock, exclusive=False)
    transaction = database.transaction

    def slowly():
        clock.advance(LEASE_S)
        return transaction()

    monkeypatch.setattr(database, "transaction", slowly)
    assert not one.take()
    with pytest.raises(LeaseLost):
        one.rely()
