"""What is thrown away, when, and what is still known then."""

import sqlite3

import pytest

from services.kit.contracts import DeliveryState
from services.kit.errors import SettingsError
from services.lis.settings import LisSettings
from services.simulator.lis import Manner

DAY_S = 86400.0
ACKNOWLEDGED = DeliveryState.DELIVERY_STATE_ACKNOWLEDGED


@pytest.fixture
def forget(gateway):
    timer = next(timer for timer in gateway.service.timers if timer.name == "forgetting")
    return lambda: list(timer.run())


@pytest.fixture
def kept(gateway, lis):
    """Whether anything of the order's patient is in the database, as a backup of it would show."""

    def holds(placer: str) -> bool:
        number = lis._patients[placer].identifier.encode()
        database = sqlite3.connect(gateway.folder / "lis.db")
        try:
            rows = database.execute("SELECT echo FROM orders UNION ALL SELECT message FROM outbox").fetchall()
        finally:
            database.close()
        return any(number in (cell if isinstance(cell, bytes) else cell.encode()) for (cell,) in rows)

    return holds


def rows(gateway, table: str) -> int:
    database = sqlite3.connect(gateway.folder / "lis.db")
    try:
        return database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    finally:
        database.close()


def test_a_patient_is_kept_while_needed_and_then_removed(gateway, ready, forget, kept, clock):
    ready()
    gateway.send_all()
    clock.advance(29 * DAY_S)
    forget()
    assert kept("P1")
    clock.advance(2 * DAY_S)
    forget()
    assert not kept("P1")
    assert rows(gateway, "orders") == 0
    assert rows(gateway, "taken_messages") == 0


def test_a_late_repeat_of_a_removed_report_is_not_sent_again(gateway, lis, ready, forget, clock):
    report = ready()
    gateway.send_all()
    clock.advance(31 * DAY_S)
    forget()
    gateway.deliveries()
    assert gateway.handle(report) == []
    assert [(d.report_id, d.state) for d in gateway.deliveries()] == [("report-1", ACKNOWLEDGED)]
    assert not gateway.send()
    assert len(lis.record.reports) == 1


def test_what_is_not_answered_is_kept_however_old_it_is(gateway, lis, ready, forget, kept, clock):
    ready()
    lis.behave(Manner.SILENT)
    gateway.send()
    clock.advance(400 * DAY_S)
    forget()
    assert kept("P1")
    gateway.send_all()
    assert lis.record.effective() == {"P1": 1}


def test_an_order_that_waits_for_its_slide_is_kept(gateway, place, forget, kept, clock):
    place(gateway)
    clock.advance(400 * DAY_S)
    forget()
    assert kept("P100")


def test_an_order_with_an_open_report_beside_an_old_one_is_kept(gateway, lis, place, make_report, forget, kept, clock):
    order_id = place(gateway)
    gateway.handle(make_report(order_id, number=1))
    gateway.send_all()
    clock.advance(31 * DAY_S)
    gateway.handle(make_report(order_id, number=2))
    forget()
    assert kept("P100")
    gateway.send_all()
    assert lis.record.effective() == {"P100": 2}


def test_a_cancelled_order_without_a_report_is_removed(gateway, place, forget, kept, clock):
    place(gateway)
    place(gateway, control="CA")
    clock.advance(31 * DAY_S)
    forget()
    assert not kept("P100")


def test_an_order_that_was_changed_lately_is_kept(gateway, place, make_report, forget, kept, clock):
    order_id = place(gateway)
    gateway.handle(make_report(order_id))
    gateway.send_all()
    clock.advance(31 * DAY_S)
    place(gateway, control="XO", stat=True)
    forget()
    assert kept("P100")


def test_an_order_placed_anew_after_its_removal_begins_anew_under_a_higher_revision(
    gateway, lis, place, make_report, forget, clock
):
    order_id = place(gateway)
    gateway.handle(make_report(order_id, number=1, final=True))
    gateway.send_all()
    (first,) = gateway.orders()
    clock.advance(31 * DAY_S)
    forget()
    place(gateway, specimen="S200")
    (again,) = gateway.orders()
    assert again.revision > first.revision
    gateway.handle(make_report(order_id, number=2, specimen="S200", final=True))
    gateway.send_all()
    statuses = [report.text.split("||HM|")[1][0] for report in lis.record.reports]
    assert statuses == ["F", "F"]


def test_days_that_a_lis_may_still_send_again_in_cannot_be_set():
    with pytest.raises(SettingsError, match="KEEP_DAYS"):
        LisSettings.load(lis_host="lis", lis_port=1, keep_days=1)
