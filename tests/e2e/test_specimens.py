"""What becomes of a specimen whose scans and orders come in any number and order."""

from services.review.states import State
from tests.e2e.hospital import LIMIT_S, put


def test_a_second_scan_of_a_reported_specimen_is_held_and_the_first_report_stays(ward, scan):
    first, second = scan("first", "B0001"), scan("second", "B0001", again=True)
    assert ward.order("B0001", "SECOND-SCAN").code == "AA"
    reported = ward.wait_for(put(first, ward.share), State.ACKNOWLEDGED, State.HELD)
    report = ward.worklist.report("B0001")
    assert report.measures
    held = ward.wait_for(put(second, ward.share), State.HELD, State.ACKNOWLEDGED)
    assert held.standing.code == "second_scan"
    assert reported.slide_id in held.standing.text
    assert held.slide_id != reported.slide_id
    [values, notice] = ward.reports("SECOND-SCAN")
    assert (values.status, notice.status) == ("P", "I")
    assert not values.problems + notice.problems
    assert "OBX|" in values.text
    assert "OBX|" not in notice.text
    assert "second scan" in notice.text
    assert reported.slide_id in notice.text
    assert "stay as they are" in notice.text
    assert ward.entry("first.vsi") == reported
    assert ward.worklist.report("B0001") == report


def test_a_slide_read_before_its_order_goes_on_by_itself_and_a_second_order_is_held_for_a_person(ward, scan):
    name = put(scan("early", "B0002"), ward.share)
    ward.wait(lambda: _code(ward, name) == "awaiting_order", "the slide to be read and to want its order")
    assert ward.entry(name).standing.state is State.WAITING
    assert ward.order("B0002", "LATE-ORDER").code == "AA"
    reported = ward.wait_for(name, State.ACKNOWLEDGED, State.HELD)
    [values] = ward.reports("LATE-ORDER")
    assert values.status == "P"
    report = ward.worklist.report("B0002")

    assert ward.order("B0002", "FURTHER-ORDER").code == "AA"
    assert ward.lis.record.wait_until(lambda _: ward.reports("FURTHER-ORDER"), LIMIT_S)
    [notice] = ward.reports("FURTHER-ORDER")
    assert notice.status == "I"
    assert not notice.problems
    assert "OBX|" not in notice.text
    assert "both orders concern one patient" in notice.text
    assert ward.reports("LATE-ORDER") == [values]
    assert ward.wait_for(name, State.ACKNOWLEDGED).control_id == reported.control_id
    assert ward.worklist.report("B0002") == report
    assert ward.metric("frottis_orders_total", answer="AA reported") == 1


def _code(ward, name):
    entry = ward.entry(name)
    return entry and entry.standing.code
