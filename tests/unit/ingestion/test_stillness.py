from hypothesis import given
from hypothesis import strategies as st

from services.ingestion.stillness import Look, Verdict, Watch, judge

SETTLE_S, LIMIT_S = 10.0, 900.0


def look(fingerprint="f", *, complete=True):
    return Look(fingerprint, complete, "" if complete else "stack10001/frame_t.ets is absent")


def test_a_scan_is_not_read_at_first_sight():
    assert judge(None, look(), 100.0, SETTLE_S, LIMIT_S) == (Watch("f", 100.0), Verdict.WAIT)


def test_a_complete_scan_is_read_once_still_for_the_settle_time():
    watch = Watch("f", 100.0)
    assert judge(watch, look(), 109.9, SETTLE_S, LIMIT_S)[1] is Verdict.WAIT
    assert judge(watch, look(), 110.0, SETTLE_S, LIMIT_S)[1] is Verdict.READ


def test_any_change_of_the_files_starts_the_wait_anew():
    watch, verdict = judge(Watch("f", 100.0), look("g"), 110.0, SETTLE_S, LIMIT_S)
    assert (watch, verdict) == (Watch("g", 110.0), Verdict.WAIT)


def test_an_incomplete_scan_waits_for_the_limit_and_is_then_held():
    watch = Watch("f", 0.0)
    assert judge(watch, look(complete=False), 899.0, SETTLE_S, LIMIT_S)[1] is Verdict.WAIT
    assert judge(watch, look(complete=False), 900.0, SETTLE_S, LIMIT_S)[1] is Verdict.HOLD_INCOMPLETE


@given(st.lists(st.tuples(st.sampled_from("fgh"), st.booleans(), st.floats(0, 60)), max_size=40))
def test_no_scan_is_ever_read_that_changed_within_the_settle_time(looks):
    watch, now, changed_at, last = None, 0.0, 0.0, None
    for fingerprint, complete, passed in looks:
        now += passed
        if fingerprint != last:
            changed_at, last = now, fingerprint
        watch, verdict = judge(watch, look(fingerprint, complete=complete), now, SETTLE_S, LIMIT_S)
        assert (verdict is Verdict.READ) == (complete and now - changed_at >= SETTLE_S)
