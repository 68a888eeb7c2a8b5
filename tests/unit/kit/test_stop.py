from services.kit.stop import Stop


def test_a_stop_rings_for_those_who_wait_for_other_things():
    stop, rung = Stop(), []
    with stop.ringing(lambda: rung.append("first")):
        with stop.ringing(lambda: rung.append("left before")):
            pass
        assert rung == []
        stop.set()
    assert rung == ["first"]


def test_who_comes_after_the_stop_is_rung_for_at_once():
    stop, rung = Stop(), []
    stop.set()
    with stop.ringing(lambda: rung.append("late")):
        assert rung == ["late"]
