"""The share goes away while slides are read, as network shares do, and comes back."""

import pytest

from services.review.states import State
from tests.e2e.hospital import put


@pytest.mark.parametrize("mount_point_stays", [False, True], ids=["gone", "empty mount point"])
def test_a_share_that_is_away_for_a_while_costs_no_slide(hospital, scan, mount_point_stays):
    slides = [scan("one", "C0001"), scan("two", "C0002", again=True)]
    with hospital.running():
        for number in (1, 2):
            hospital.order(f"C000{number}", f"AWAY-{number}")
        names = [put(slide, hospital.share) for slide in slides]
        # One slide is read at a time: the other one is to be opened when the share is away.
        hospital.wait(lambda: all(_state(hospital, name) is State.READING for name in names), "both to be admitted")
        elsewhere = hospital.share.rename(hospital.share.with_name("elsewhere"))
        if mount_point_stays:
            hospital.share.mkdir()
        hospital.wait(lambda: "mount it" in hospital.not_ready().get("ingestion/share", ""), "the share to be missed")
        hospital.wait(lambda: _retried(hospital) >= 2, "the reading to be tried again")
        assert hospital.ask("/healthz")[0] == 200
        assert not {_state(hospital, name) for name in names} & {State.HELD, State.REFUSED}
        if mount_point_stays:
            hospital.share.rmdir()
        elsewhere.rename(hospital.share)
        for name in names:
            hospital.wait_for(name, State.ACKNOWLEDGED, State.HELD, State.REFUSED)
        assert {_state(hospital, name) for name in names} == {State.ACKNOWLEDGED}
        assert "ingestion/share" not in hospital.not_ready()
    assert hospital.lis.record.effective() == {"AWAY-1": 1, "AWAY-2": 1}
    assert [report.status for report in hospital.lis.record.reports] == ["P", "P"]


def _state(hospital, name):
    entry = hospital.entry(name)
    return entry and entry.standing.state


def _retried(hospital):
    return hospital.metric("frottis_messages_total", service="ingestion", topic="scans", outcome="retried")
