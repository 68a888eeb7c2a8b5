import pytest

from services.lis.errors import LineError
from services.lis.hl7.answer import read_answer
from services.simulator.lis import fictitious_patient
from tests.unit.lis.conftest import *  # noqa: F403 - the fixtures of the tests below
from tests.unit.lis.test_orders_in import (  # noqa: F401 - collected here too, with fixtures
    answer,
    oml,
    only,
    stored_name,
    test_a_change_updates_and_a_cancellation_cancels,
    test_a_copy_sent_late_does_not_undo_a_change,
    test_an_event_stays_until_the_broker_has_it,
    test_control_characters_in_a_name_are_kept_as_data,
    test_no_damage_to_a_message_stops_the_gateway,
    test_one_message_may_hold_several_orders_and_takes_all_or_none,
    test_the_same_message_again_is_acknowledged_again_and_changes_nothing,
)


@pytest.mark.parametrize("nul", [b"\x00", rb"\X00" + b"\\"])
def test_a_nul_which_no_text_of_postgresql_holds_is_kept_as_data(answer, gateway, stored_name, nul):  # noqa: F811
    patient = fictitious_patient("P100")
    content = oml().replace(patient.family.encode(), b"DO" + nul + b"E")
    assert only(answer(content))[0] == "AA"
    assert stored_name(gateway.orders()[0].order_id) == "DO\x00E"


def test_an_answer_to_a_number_that_no_database_holds_is_garbage():
    with pytest.raises(LineError, match="acknowledges nothing"):
        read_answer(b"MSH|^~\\&|LIS||FROTTIS||20260302||ACK|1|P|2.5.1\rMSA|AA|A\x00B\r")
