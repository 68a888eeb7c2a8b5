import pytest

from services.kit.contracts import Decision as Dec
from services.kit.contracts import DeliveryState as S
from services.kit.contracts import ScanState as C
from services.review.states import Said, State, standing


@pytest.mark.parametrize(
    ("scan", "report", "delivery", "state"),
    [
        (C.SCAN_STATE_WAITING, None, None, State.WAITING),
        (C.SCAN_STATE_ADMITTED, None, None, State.READING),
        (C.SCAN_STATE_HELD, None, None, State.HELD),
        (C.SCAN_STATE_REFUSED, None, None, State.REFUSED),
        (C.SCAN_STATE_ADMITTED, Dec.DECISION_AWAITING_ORDER, None, State.WAITING),
        (C.SCAN_STATE_ADMITTED, Dec.DECISION_RELEASED, None, State.SENDING),
        (C.SCAN_STATE_ADMITTED, Dec.DECISION_RELEASED, S.DELIVERY_STATE_SENDING, State.SENDING),
        (C.SCAN_STATE_ADMITTED, Dec.DECISION_RELEASED, S.DELIVERY_STATE_ACKNOWLEDGED, State.ACKNOWLEDGED),
        (C.SCAN_STATE_ADMITTED, Dec.DECISION_RELEASED, S.DELIVERY_STATE_REJECTED, State.HELD),
        (C.SCAN_STATE_ADMITTED, Dec.DECISION_HELD, S.DELIVERY_STATE_ACKNOWLEDGED, State.HELD),
        (C.SCAN_STATE_REFUSED, Dec.DECISION_REFUSED, S.DELIVERY_STATE_SENDING, State.REFUSED),
        (C.SCAN_STATE_REFUSED, Dec.DECISION_REFUSED, S.DELIVERY_STATE_REJECTED, State.HELD),
    ],
)
def test_the_last_word_counts(scan, report, delivery, state):
    said = [None if value is None else Said(value, "code", "text") for value in (scan, report, delivery)]
    assert standing(*said).state is state


def test_the_reason_is_that_of_the_service_whose_word_counts():
    rejected = Said(S.DELIVERY_STATE_REJECTED, "ae", "the LIS answered AE")
    held = standing(Said(C.SCAN_STATE_ADMITTED), Said(Dec.DECISION_RELEASED, "plain", "released"), rejected)
    assert (held.code, held.text) == ("ae", "the LIS answered AE")


@pytest.mark.parametrize("text", ["incomplete: frame_t.ets is absent", "incomplete: frame_t.ets is absent."])
@pytest.mark.parametrize("decision", [Dec.DECISION_HELD, Dec.DECISION_REFUSED])
def test_a_notice_that_the_lis_rejects_hides_not_why_the_slide_was_held(decision, text):
    rejected = Said(S.DELIVERY_STATE_REJECTED, "lis_rejected", "The LIS answered AE to the report.")
    held = standing(Said(C.SCAN_STATE_HELD), Said(decision, "incomplete", text), rejected)
    told = "incomplete: frame_t.ets is absent. The LIS answered AE to the report."
    assert (held.state, held.code, held.text) == (State.HELD, "lis_rejected", told)


def test_a_rejected_notice_without_a_reason_of_its_own_tells_the_rejection():
    rejected = Said(S.DELIVERY_STATE_REJECTED, "lis_rejected", "The LIS answered AE.")
    assert standing(Said(C.SCAN_STATE_HELD), Said(Dec.DECISION_HELD), rejected).text == "The LIS answered AE."


def test_exactly_the_three_ends_are_ends():
    assert {state for state in State if state.ended} == {State.HELD, State.REFUSED, State.ACKNOWLEDGED}
