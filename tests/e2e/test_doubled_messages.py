"""Every message of a whole slide's way is delivered twice, and later once more, across all services: one report."""

import sqlite3
from contextlib import closing

import pytest

from services.kit.contracts import DeliveryState
from services.kit.topics import topics
from services.review.states import State
from services.simulator.lis import Behaviour, Manner
from services.simulator.lis.tally import tally
from tests.e2e.doubled import doubled
from tests.e2e.hospital import put


@pytest.fixture
def transports(monkeypatch):
    """At first few leukocytes are wanted, so that the order's wish takes a further round."""
    for service in ("INGESTION", "REASONING"):
        monkeypatch.setenv(f"FROTTIS_{service}_LEUKOCYTES", "50")
    return doubled(monkeypatch)


def at_rest(hospital):
    """No message waits anywhere."""
    return not any(hospital.process.transport.waiting().values())


def awaits_its_order(hospital, name):
    entry = hospital.entry(name)
    return entry is not None and entry.standing.code == "awaiting_order"


def outbox(hospital):
    """The states of all messages that were ever made for the LIS."""
    with closing(sqlite3.connect(hospital.state / "lis.db", timeout=30)) as database:
        return [state for (state,) in database.execute("SELECT state FROM outbox")]


def test_each_message_twice_and_all_of_them_once_more_give_one_report(hospital, scan, transports):
    name = put(scan("doubled", "D0001"), hospital.share)
    # The LIS keeps silent once: the report goes out again, under its number.
    hospital.lis.behave(Behaviour(Manner.SILENT))
    with hospital.running():
        hospital.wait(lambda: awaits_its_order(hospital, name), "the slide to want its order")
        assert hospital.order("D0001", leukocytes=120).code == "AA"
        ended = hospital.wait_for(name, State.ACKNOWLEDGED)
        hospital.wait(lambda: at_rest(hospital), "the copies to be handled")
        [transport] = transports
        sent = {message.topic for message in transport.sent}
        assert sent == set(topics())
        before, messages = hospital.worklist.report("D0001"), list(hospital.lis.record.reports)
        [counted] = tally(messages).values()
        assert (len(counted.effective), counted.repeats, counted.notices) == (1, 1, [])
        reports = [message.value for message in transport.sent if message.topic == "reports"]
        assert len({report.report_id for report in reports if report.order_id}) == 1
        for seed in (1, 2):
            transport.send_again(seed)
            hospital.wait(lambda: at_rest(hospital), "the repetitions to be handled")
        assert hospital.entry(name) == ended
        assert hospital.worklist.report("D0001") == before
        assert outbox(hospital) == [DeliveryState.DELIVERY_STATE_ACKNOWLEDGED]
        assert hospital.process.transport.dead_letters().list() == []
    assert hospital.lis.record.reports == messages
    assert hospital.lis.record.effective() == {"ORDER-1": 1}
    assert len({message.control_id for message in messages}) == 1
