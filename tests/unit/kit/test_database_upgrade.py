"""State folders of Frottis 0.1.0, which did not say the version of its tables, are taken over as they are."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select

from services.ingestion.store import Stores
from services.ingestion.tables import PIXELS
from services.kit.clock import ManualClock
from services.kit.contracts import Order, Priority, Scan
from services.kit.database import Database
from services.kit.telemetry import Metrics
from services.lis.events import Events
from services.lis.orders.store import OrderStore
from services.lis.outbox.store import OutboxStore
from services.lis.retention import Retention
from services.lis.tables import OUTBOX
from services.reasoning.report_store import ReportStore
from services.reasoning.store import CaseStore
from services.review.states import State
from services.review.worklist import Worklist

# Written by the services of 0.1.0 themselves, on slides and patients that do not exist.
STATES = Path(__file__).with_name("states_of_0_1_0")
SERVICES = ("ingestion", "lis", "reasoning", "review")


@pytest.fixture
def upgraded(tmp_path):
    opened = []

    def upgrade(service):
        with closing(sqlite3.connect(tmp_path / f"{service}.db")) as db:
            db.executescript((STATES / f"{service}.sql").read_text(encoding="utf-8"))
        tables = import_module(f"services.{service}.tables").METADATA
        opened.append(Database.in_file(tmp_path / f"{service}.db", tables))
        return opened[-1]

    yield upgrade
    for database in opened:
        database.close()


@pytest.mark.parametrize("service", SERVICES)
def test_the_tables_become_those_of_the_code(upgraded, service):
    tables = import_module(f"services.{service}.tables").METADATA
    with upgraded(service).transaction() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables) == []


@pytest.mark.parametrize("service", SERVICES)
def test_tables_that_were_made_without_a_version_later_are_taken_over_too(tmp_path, service):
    tables = import_module(f"services.{service}.tables").METADATA
    Database.in_file(tmp_path / "d.db", tables).close()
    with closing(sqlite3.connect(tmp_path / "d.db")) as db:
        db.execute("DROP TABLE alembic_version")
    database = Database.in_file(tmp_path / "d.db", tables)
    with database.transaction() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables) == []
    database.close()


def test_orders_keep_their_patients_and_messages_under_way_are_sent(upgraded):
    database = upgraded("lis")
    orders, outbox = OrderStore(database), OutboxStore(database, Metrics(), lambda _: None)
    [waiting] = outbox.waiting()
    entry = outbox.attempt(waiting.id, datetime.now(UTC))
    assert (entry.report_id, entry.control_id) == ("report-2", "55109B3DC2399968EEF1")
    standing = orders.known(waiting.order_id)
    assert [segment.name for segment in standing.echo][:1] == ["PID"]
    told = [(event.topic, event.value) for event in Events(database).unsent()]
    assert [topic for topic, _ in told].count("orders") == 3


def test_what_ended_before_the_upgrade_is_kept_as_long_as_if_it_had_ended_then(upgraded):
    database = upgraded("lis")
    clock = ManualClock(datetime.now(UTC))

    def messages():
        list(Retention(database, clock, keep_days=30).forget())
        with database.transaction() as connection:
            return dict(connection.execute(select(OUTBOX.c.report_id, OUTBOX.c.message)).all())

    assert all(messages().values())
    clock.advance(timedelta(days=31).total_seconds())
    kept = messages()
    assert not kept["report-1"]
    assert kept["report-2"]


def test_scans_rounds_and_urgent_specimens_are_known(upgraded):
    database = upgraded("ingestion")
    stores = Stores(database)
    known = stores.scans.named(["s1.vsi", "s2.vsi"])
    assert set(known) == {"s1.vsi", "s2.vsi"}
    assert [one.scan.name for one in stores.scans.of_specimen(known["s2.vsi"].scan.slide.specimen)] == ["s2.vsi"]
    assert set(stores.scans.recorded_since(0)) == set(known)
    assert stores.orders.urgency("A1234") == Priority.PRIORITY_STAT
    assert stores.orders.urgency("B5678") == Priority.PRIORITY_ROUTINE
    read = known["s2.vsi"].scan
    assert set(stores.rounds.of(read.slide.slide_id)) == {1}
    assert stores.rounds.answered(read)
    with database.transaction() as connection:
        assert connection.execute(select(PIXELS)).all() == [(read.slide.slide_id, 0.0, False)]


def test_slides_orders_and_reports_are_known(upgraded):
    with upgraded("reasoning").transaction() as connection:
        cases, reports = CaseStore(connection), ReportStore(connection)
        assert [order.order_id for order in cases.orders("24-0002")] == ["o2"]
        assert {tile.tile_id for tile in cases.tile_counts("s1")} == {"s1-t0", "s1-t1"}
        assert [issued.basis for issued in reports.in_force("s1").values()] == ["cells"]
        # Which message each follows from is not on record, so what a kill may have kept from the others is told again.
        in_force = [issued.report_id for slide in ("s2", "s1") for issued in reports.in_force(slide).values()]
        assert reports.unannounced() == in_force
        later = Order(order_id="o1", specimen="24-0001", revision=1, cancelled=True)
        later.ordered_at.GetCurrentTime()
        assert cases.put_order(later)
        assert cases.orders("24-0001") == []
        assert not cases.name_scan(Scan(name="a.vsi", revision=-1))


def test_the_worklist_is_as_it_was(upgraded):
    worklist = Worklist(upgraded("review"))
    assert {entry.scan: entry.standing.state for entry in worklist.entries()} == {
        "a.vsi": State.ACKNOWLEDGED,
        "b.vsi": State.ACKNOWLEDGED,
    }
    assert worklist.report("S1").report_id == "R1"
    assert worklist.newly_ended() == []
