"""Several gateways on one database: each message is sent by one of them at a time."""

import threading

import pytest

from services.kit.clock import ManualClock, SystemClock
from services.kit.contracts import DeliveryState
from services.kit.stop import Stop
from services.simulator.lis import Manner
from tests.unit.lis.conftest import NOW

ACKNOWLEDGED = DeliveryState.DELIVERY_STATE_ACKNOWLEDGED
REJECTED = DeliveryState.DELIVERY_STATE_REJECTED
SENDING = DeliveryState.DELIVERY_STATE_SENDING
LEASE_S = 10.0
# After this another takes over, and no sooner.
TAKEN_S = 1.5 * LEASE_S


@pytest.fixture
def pair(open_gateway, lis, clock):
    """Two gateways on one database; each has its own clock, and they do not agree."""
    other = ManualClock(NOW)
    other.advance(12345.0)
    return [open_gateway(lis.address, one, replica=True, lease_s=LEASE_S) for one in (clock, other)]


@pytest.fixture
def under_way(pair, place, make_report):
    """Put a report in the outbox, its order placed."""

    def enqueue(number=1, gateway=pair[0], **changes):
        order_id = place(gateway, f"S{number}", f"P{number}")
        report = make_report(order_id, number=number, specimen=f"S{number}", **changes)
        assert gateway.handle(report) == []
        return report

    return enqueue


def pass_time(pair, seconds):
    for gateway in pair:
        gateway.clock.advance(seconds)


def is_followed(gateway):
    """Let `gateway` see that the other says nothing, until it takes over."""
    assert not gateway.send()
    gateway.clock.advance(TAKEN_S - 0.1)
    assert not gateway.send()
    gateway.clock.advance(0.1)


def last_word(gateway):
    delivery = gateway.deliveries()[-1]
    return delivery.state, delivery.acknowledgement_code, delivery.attempts


def test_two_replicas_send_each_report_once_while_both_work(pair, under_way, lis):
    for number in range(6):
        under_way(number, pair[number % 2])
    sent = [gateway.send() for _ in range(6) for gateway in pair]
    assert sent == [True, False] * 6
    assert lis.record.effective() == {f"P{number}": 1 for number in range(6)}
    assert not lis.record.duplicates()


def test_the_one_that_sends_keeps_on_while_it_works_or_waits(pair, under_way, lis):
    holder, other = pair
    holder.send()
    assert not other.send()
    renew = next(timer for timer in holder.service.timers if timer.name == "sender lease")
    for _ in range(20):
        pass_time(pair, renew.every_s)
        assert list(renew.run()) == []
        assert not other.send()
    under_way()
    assert not other.send()
    assert holder.send()
    assert lis.record.effective() == {"P1": 1}


def test_a_replica_that_stands_by_is_ready_and_leaves_the_line_alone(pair, lis):
    holder, other = pair
    holder.send()
    assert other.service.readiness["lis"]() is not None
    other.send()
    assert other.service.readiness["lis"]() is None
    assert not other.sender._line.is_open
    with lis.away():
        other.clock.advance(TAKEN_S)
        other.send()
        assert "does not take connections" in other.service.readiness["lis"]()


def test_a_replica_that_ends_is_followed_at_once(pair, under_way, lis):
    holder, other = pair
    holder.send()
    assert not other.send()
    under_way()
    holder.close()
    assert other.send()
    assert lis.record.effective() == {"P1": 1}
    assert list(next(timer for timer in holder.service.timers if timer.name == "sender lease").run()) == []
    assert not holder.send()


def test_a_killed_replicas_message_is_sent_by_another_after_the_lease_under_the_same_number(pair, under_way, lis):
    holder, other = pair
    under_way(1)
    under_way(2)
    lis.behave(Manner.SILENT)
    holder.send()
    is_followed(other)
    assert other.send()
    assert other.send()
    first, again, second = lis.record.reports
    assert first.content == again.content
    assert lis.record.duplicates() == {first.control_id: 1}
    assert second.placer == "P2"
    assert last_word(other)[0] == ACKNOWLEDGED


def test_a_replica_frozen_before_it_writes_finds_its_time_over_and_writes_nothing(pair, under_way, lis, monkeypatch):
    holder, other = pair
    under_way()
    attempt = holder.sender._ledger.attempt

    def freeze(entry_id):
        entry = attempt(entry_id)
        is_followed(other)
        assert other.send()
        holder.clock.advance(TAKEN_S)
        return entry

    monkeypatch.setattr(holder.sender._ledger, "attempt", freeze)
    assert not holder.send()
    assert len(lis.record.reports) == 1
    assert last_word(other) == (ACKNOWLEDGED, "AA", 2)
    assert not holder.send()
    assert not holder.sender._line.is_open


def test_a_replica_frozen_before_it_records_an_attempt_records_none(pair, under_way, lis, monkeypatch):
    holder, other = pair
    under_way()
    waiting = holder.sender._ledger.waiting

    def freeze():
        entries = waiting()
        is_followed(other)
        assert other.send()
        return entries

    monkeypatch.setattr(holder.sender._ledger, "waiting", freeze)
    assert not holder.send()
    assert len(lis.record.reports) == 1
    assert last_word(other) == (ACKNOWLEDGED, "AA", 1)


@pytest.mark.parametrize(
    ("heard", "answered", "end"),
    [
        (Manner.ACCEPT, Manner.ACCEPT, ACKNOWLEDGED),
        (Manner.ERROR, Manner.ACCEPT, ACKNOWLEDGED),
        (Manner.REJECT, Manner.ACCEPT, ACKNOWLEDGED),
        (Manner.SILENT, Manner.ACCEPT, ACKNOWLEDGED),
        (Manner.GARBAGE, Manner.ACCEPT, ACKNOWLEDGED),
        (Manner.ERROR, Manner.ERROR, REJECTED),
        (Manner.REJECT, Manner.ERROR, REJECTED),
    ],
)
def test_a_replica_frozen_while_it_waits_overwrites_nothing_that_the_other_recorded(
    pair, under_way, lis, monkeypatch, heard, answered, end
):
    holder, other = pair
    report = under_way()
    lis.behave(heard, answered)
    receive = holder.sender._line.receive

    def freeze(timeout_s, stop):
        is_followed(other)
        assert other.send()
        holder.clock.advance(TAKEN_S)
        return receive(timeout_s, stop)

    monkeypatch.setattr(holder.sender._line, "receive", freeze)
    holder.send()
    assert len(lis.record.reports) == 2
    assert len(lis.record.duplicates()) == 1
    assert last_word(other)[0] == end
    other.handle(report)
    assert last_word(other)[0] == end
    holder.send()
    assert not holder.sender._line.is_open


def test_reports_of_one_order_keep_their_order_when_the_replica_that_sends_changes(pair, place, make_report, lis):
    holder, other = pair
    order_id = place(holder)
    for number in range(4):
        pair[number % 2].handle(make_report(order_id, number=number))
    lis.behave(Manner.ACCEPT, Manner.SILENT)
    holder.send()
    holder.send()
    is_followed(other)
    other.send()
    other.close()
    holder.clock.advance(61.0)
    holder.send_all()
    slides = [report.text.split("Slide ")[1].split(",")[0] for report in lis.record.reports]
    assert slides == ["slide-0", "slide-1", "slide-1", "slide-2", "slide-3"]


def test_pauses_of_a_silent_lis_are_kept_by_all_replicas_together(pair, under_way, lis):
    under_way()
    lis.behave(then=Manner.REJECT)
    for _ in range(80):
        for gateway in pair:
            gateway.send()
        pass_time(pair, 0.5)
    # At 0, 1, 3, 7, 15 and 31 s.
    assert len(lis.record.reports) == 6
    assert last_word(pair[0])[0] == SENDING


def test_a_report_that_two_replicas_take_in_at_the_same_moment_is_one_message(
    pair, place, make_report, lis, monkeypatch
):
    one, other = pair
    report = make_report(place(one))
    monkeypatch.setattr("services.lis.outbox.store.OutboxStore.repeat", lambda *_: False)
    assert one.handle(report) == []
    assert other.handle(report) == []
    monkeypatch.undo()
    one.send_all()
    other.send()
    assert lis.record.effective() == {"P100": 1}
    assert not lis.record.duplicates()
    assert last_word(one)[0] == ACKNOWLEDGED


def test_replicas_that_work_at_the_same_time_send_each_report_once(open_gateway, place, make_report, lis):
    reports = 12
    pair = [open_gateway(lis.address, SystemClock(), replica=True, ack_timeout_s=60.0) for _ in range(3)]
    stop = Stop()
    threads = [threading.Thread(target=gateway.sender, args=(stop,)) for gateway in pair]
    for thread in threads:
        thread.start()
    order_ids = [place(pair[0], f"S{number}", f"P{number}") for number in range(reports)]
    for number, order_id in enumerate(order_ids):
        pair[number % 3].handle(make_report(order_id, number=number, specimen=f"S{number}"))
    assert lis.record.wait_until(lambda received: len(received) >= reports, 120)
    stop.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert lis.record.effective() == {f"P{number}": 1 for number in range(reports)}
    assert not lis.record.duplicates()
