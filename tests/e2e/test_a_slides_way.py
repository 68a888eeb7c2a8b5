"""From the scan on the share to what the LIS has, through every service, on real models."""

import numpy as np
import pytest

from services.embedded.worklist import report_json
from services.kit.objects import Objects
from services.review.states import State
from services.simulator.lis import Behaviour, Manner
from services.simulator.scanner import Manner as Delivery
from services.simulator.scanner import deliver
from services.simulator.vsi import Stack, StackKind, write_slide
from tests.e2e.hospital import LIMIT_S, put


def test_a_scan_that_grows_on_the_share_becomes_an_acknowledged_report(hospital, small_slide):
    with hospital.running():
        assert hospital.order().code == "AA"
        for _ in deliver(small_slide[0], hospital.share, Delivery(chunk=400_000)):
            pass
        entry = hospital.wait_for("small.vsi", State.ACKNOWLEDGED, State.HELD)
        report = hospital.worklist.report("A1234")
    [message] = hospital.lis.record.reports
    assert not message.problems
    assert message.placer == "ORDER-1"
    assert message.control_id == entry.control_id
    counted = {measure.name: measure for measure in report.measures}
    composed = small_slide[1].count("leukocyte").total()
    assert 0.8 * composed <= counted["leukocytes.counted"].denominator <= 1.05 * composed
    told = report_json(report, Objects.in_folder(hospital.state / "objects"))
    assert all(measure["cell_ids"] or not measure["numerator"] for measure in told["measures"])


def test_a_slide_without_an_order_waits_and_goes_on_when_the_order_comes(hospital, small_slide):
    name = put(small_slide[0], hospital.share)
    with hospital.running():
        hospital.wait_for(name, State.WAITING)
        hospital.wait(lambda: "order" in hospital.entry(name).standing.text, "the slide to want its order")
        assert hospital.lis.record.reports == []
        assert hospital.entry(name).standing.state is State.WAITING
        hospital.order()
        hospital.wait_for(name, State.ACKNOWLEDGED, State.HELD)
    assert hospital.lis.record.effective() == {"ORDER-1": 1}


def test_the_same_scan_twice_is_one_report(hospital, small_slide):
    names = [put(small_slide[0], hospital.share), put(small_slide[0], hospital.share, "again")]
    with hospital.running():
        hospital.order()
        states = {hospital.wait_for(name, State.ACKNOWLEDGED, State.HELD).standing.state for name in names}
        assert len(states) == 1
    assert hospital.lis.record.effective() == {"ORDER-1": 1}


def test_a_damaged_scan_is_refused_and_the_lis_is_told_without_values(hospital, small_slide):
    name = put(small_slide[0], hospital.share)
    pixels = hospital.share / "_small_" / "stack10001" / "frame_t.ets"
    content = bytearray(pixels.read_bytes())
    content[84:88] = b"\x09\x00\x00\x00"
    pixels.write_bytes(content)
    with hospital.running():
        hospital.order()
        entry = hospital.wait_for(name, State.REFUSED)
        hospital.lis.record.wait_until(bool, LIMIT_S)
    assert "frame_t.ets" in entry.standing.text
    [message] = hospital.lis.record.reports
    assert (message.status, message.placer) == ("I", "ORDER-1")
    assert "OBX|" not in message.text


def test_an_empty_film_is_held_and_the_lis_is_told(hospital):
    glass = np.full((3000, 3000, 3), 240, np.uint8)
    write_slide(hospital.share, "glass", [Stack(10001, "40x", StackKind.MAIN, glass)], barcode="A9999")
    with hospital.running():
        hospital.order("A9999")
        entry = hospital.wait_for("glass.vsi", State.HELD)
        hospital.lis.record.wait_until(bool, LIMIT_S)
    assert entry.standing.code == "film_empty"
    assert [message.status for message in hospital.lis.record.reports] == ["I"]


@pytest.mark.parametrize("manner", [Manner.SILENT, Manner.GARBAGE, Manner.CLOSE, Manner.WRONG_CONTROL_ID, Manner.LATE])
def test_a_lis_that_answers_badly_gets_the_same_message_again(hospital, small_slide, manner):
    name = put(small_slide[0], hospital.share)
    hospital.lis.behave(Behaviour(manner), Behaviour(manner))
    with hospital.running():
        hospital.order()
        hospital.wait_for(name, State.ACKNOWLEDGED, State.HELD)
    assert len(hospital.lis.record.reports) >= 2
    assert len({message.control_id for message in hospital.lis.record.reports}) == 1
    assert hospital.lis.record.effective() == {"ORDER-1": 1}


def test_a_report_that_the_lis_refuses_is_held_for_a_person(hospital, small_slide):
    name = put(small_slide[0], hospital.share)
    hospital.lis.behave(then=Manner.ERROR)
    with hospital.running():
        hospital.order()
        entry = hospital.wait_for(name, State.HELD)
    assert "AE" in entry.standing.text


def test_no_patient_leaves_the_lis_service(hospital, small_slide, capfd):
    name = put(small_slide[0], hospital.share)
    with hospital.running():
        hospital.order()
        hospital.wait_for(name, State.ACKNOWLEDGED, State.HELD)
        [message] = hospital.lis.record.reports
    pid = next(line for line in message.text.splitlines() if line.startswith("PID|")).split("|")
    secrets = {part for field in (pid[3], pid[5]) for part in field.split("^") if len(part) > 4 and part != "SIMULATOR"}
    assert secrets
    written = {path: path.read_bytes() for path in hospital.state.rglob("*") if path.is_file()}
    told = capfd.readouterr()
    for secret in secrets:
        holders = {path.name.split(".")[0] for path, content in written.items() if secret.encode() in content}
        assert holders <= {"lis"}
        assert secret not in told.out + told.err
