"""Someone sets the clock back by an hour while a slide is read."""

from datetime import timedelta

import pytest

from services.kit.clock import SystemClock, from_timestamp
from services.review.states import State
from tests.e2e.hospital import put

HOUR = timedelta(hours=1)


class SteppedClock(SystemClock):
    """The machine's clock, which can be set back."""

    behind = timedelta(0)

    def now(self):
        return super().now() - self.behind


@pytest.fixture
def clock(monkeypatch):
    clock = SteppedClock()
    monkeypatch.setattr("services.kit.process.SystemClock", lambda: clock)
    return clock


def test_a_clock_set_back_while_a_slide_is_read_moves_no_deadline_and_spoils_no_measurement(hospital, scan, clock):
    with hospital.running():
        hospital.order("E0001", "CLOCK")
        hospital.order("E0002", "CANCELLED")
        name = put(scan("clock", "E0001"), hospital.share)
        admitted = hospital.wait_for(name, State.READING, State.SENDING)
        clock.behind = HOUR
        _measure_worklist(hospital)
        assert hospital.metric("frottis_oldest_waiting_age_seconds") >= 0
        # A word on an order counts although it is, by the clock, an hour older than the one before.
        assert hospital.order("E0002", "CANCELLED", control="CA").code == "AA"
        other = put(scan("other", "E0002", again=True), hospital.share)
        ended = hospital.wait_for(name, State.ACKNOWLEDGED, State.HELD)
        waits = hospital.wait(lambda: _awaiting(hospital, other), "the other slide to be read")
        report = hospital.worklist.report("E0001")
    assert ended.standing.state is State.ACKNOWLEDGED
    assert (ended.completed, ended.deadline) == (admitted.completed, admitted.deadline)
    assert ended.deadline - ended.completed == timedelta(minutes=30)
    assert from_timestamp(report.slide.deadline) == ended.deadline
    assert waits.deadline - waits.completed == timedelta(minutes=30)
    assert not report.limitations or "deadline" not in str(report.limitations)
    assert hospital.lis.record.effective() == {"CLOCK": 1}
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for metric in hospital.process.metrics.registry.collect()
        for sample in metric.samples
        if sample.name.endswith(("_sum", "_count"))
    }
    assert samples["frottis_scan_to_acknowledged_seconds_count", "routine"] == 1
    assert min(samples.values()) >= 0
    assert hospital.metric("frottis_deadlines_missed_total", priority="routine") == 0


def _measure_worklist(hospital):
    [gauges] = hospital.process.services["review"].timers
    gauges.run()


def _awaiting(hospital, name):
    entry = hospital.entry(name)
    return entry if entry and entry.standing.code == "awaiting_order" else None
