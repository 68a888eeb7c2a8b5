import socket
import threading
from datetime import UTC, datetime

import pytest

from services.simulator.lis import Behaviour, LisSimulator, Manner, fictitious_patient, order_message
from services.simulator.lis.er7 import escaped, plain, segments, value
from services.simulator.lis.scrutiny import problems
from services.simulator.lis.wire import NotMllp, Wire

PATIENT = fictitious_patient("P1")


def oru(control_id: str = "C1", **changes: str) -> bytes:
    """A report as the standard has it, written by hand."""
    lines = {
        "MSH": f"MSH|^~\\&|FROTTIS||LIS||20260302||ORU^R01^ORU_R01|{control_id}|P|2.5.1||||||UNICODE UTF-8",
        "PID": PATIENT.pid,
        "ORC": "ORC|RE|P1^SIMLIS",
        "OBR": "OBR|1|P1^SIMLIS||SMEAR" + "|" * 21 + "P",
        "OBX": "OBX|1|NM|26446-5^Blasts^LN||0.0|%|||||P",
        "SPM": "SPM|1|S1||BLD",
    }
    return "".join(f"{line}\r" for line in {**lines, **changes}.values() if line).encode()


@pytest.fixture
def lis():
    with LisSimulator() as simulator:
        simulator.expect("P1", PATIENT)
        yield simulator


@pytest.fixture
def wire(lis):
    with socket.create_connection(lis.address, 10) as connection:
        yield Wire(connection)


def codes(wire: Wire, count: int = 1):
    rows = [next(row for row in segments(wire.read()) if row[0] == "MSA") for _ in range(count)]
    return [(value(row, 1), value(row, 2)) for row in rows]


def test_a_report_is_stored_and_acknowledged(lis, wire):
    wire.write(oru())
    assert codes(wire) == [("AA", "C1")]
    (report,) = lis.record.reports
    assert (report.placer, report.status, report.stored, report.problems) == ("P1", "P", True, ())
    assert report.answer.endswith("\nMSA|AA|C1\n")


def test_a_repeated_report_is_a_duplicate_and_counts_once(lis, wire):
    for _ in range(3):
        wire.write(oru())
        codes(wire)
    wire.write(oru("C2"))
    codes(wire)
    assert lis.record.effective() == {"P1": 2}
    assert lis.record.duplicates() == {"C1": 2}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"ORC": "ORC|RE|P9"}, "order is unknown"),
        ({"PID": fictitious_patient("other").pid}, "patient is not the order's"),
        ({"OBX": "OBX|1|NM|x||5"}, "lacks its number, code or status"),
        ({"OBX": "OBX|1|NM|x||5||||||X"}, "contradicts its value"),
        ({"OBX": "OBX|1|NM|x||||||||P"}, "contradicts its value"),
        ({"OBR": "OBR|1"}, "OBR-25"),
        ({"OBR": "OBR|1|P1^SIMLIS||SMEAR" + "|" * 21 + "I"}, "says there are none"),
        ({"SPM": ""}, "specimen is missing"),
        ({"ORC": "", "OBX": "ORC|RE|P1"}, "may not follow"),
    ],
)
def test_what_is_wrong_with_a_report_is_found_and_refused(lis, wire, changes, problem):
    wire.write(oru(**changes))
    assert codes(wire) == [("AE", "C1")]
    assert any(problem in found for found in lis.record.reports[0].problems)
    assert not lis.record.effective()


def test_the_header_is_looked_at():
    changed = oru().replace(b"ORU_R01", b"ORU").replace(b"2.5.1", b"2.3").replace(b"|C1|", b"||")
    assert len(problems(changed, {})) == 3


@pytest.mark.parametrize(
    ("manner", "expected"),
    [
        (Manner.ACCEPT_TWICE, [("AA", "C1"), ("AA", "C1")]),
        (Manner.COMMIT_THEN_ACCEPT, [("CA", "C1"), ("AA", "C1")]),
        (Manner.COMMIT_THEN_ERROR, [("CA", "C1"), ("AE", "C1")]),
        (Manner.ERROR, [("AE", "C1")]),
        (Manner.REJECT, [("AR", "C1")]),
        (Manner.REJECT_HEADER, [("AR", "C1")]),
        (Manner.WRONG_CONTROL_ID, [("AA", "NOBODY-SENT-THIS")]),
        (Manner.BYTE_BY_BYTE, [("AA", "C1")]),
        (Behaviour(Manner.SLOW, 0.05), [("AA", "C1")]),
    ],
)
def test_it_answers_as_told_and_then_well_again(lis, wire, manner, expected):
    lis.behave(manner)
    wire.write(oru())
    assert codes(wire, len(expected)) == expected
    wire.write(oru("C2"))
    assert codes(wire) == [("AA", "C2")]


def test_a_late_answer_comes_before_the_next_ones(lis, wire):
    lis.behave(Manner.LATE)
    wire.write(oru())
    assert lis.record.wait_until(lambda reports: len(reports) == 1, 10)
    wire.write(oru("C2"))
    assert codes(wire, 2) == [("AA", "C1"), ("AA", "C2")]


def test_a_silent_lis_stores_and_says_nothing(lis, wire):
    lis.behave(then=Manner.SILENT)
    wire.write(oru())
    wire.connection.settimeout(0.2)
    with pytest.raises(TimeoutError):
        wire.read()
    assert lis.record.effective() == {"P1": 1}


@pytest.mark.parametrize(("manner", "error"), [(Manner.HALF_FRAME, NotMllp), (Manner.CLOSE, None)])
def test_it_hangs_up(lis, wire, manner, error):
    lis.behave(manner)
    wire.write(oru())
    if error is None:
        assert wire.read() is None
    else:
        with pytest.raises(error):
            wire.read()
    assert lis.record.effective() == {"P1": 1}


def test_garbage_is_a_frame_without_hl7(lis, wire):
    lis.behave(Manner.GARBAGE)
    wire.write(oru())
    with pytest.raises(ValueError, match="MSH"):
        segments(wire.read())


def test_while_it_is_away_nobody_gets_through_and_the_port_stays(lis):
    before = lis.address
    with lis.away(), pytest.raises(OSError):
        socket.create_connection(before, 1)
    with socket.create_connection(lis.address, 10) as connection:
        wire = Wire(connection)
        wire.write(oru())
        assert codes(wire) == [("AA", "C1")]
    assert lis.address == before


@pytest.mark.parametrize("noise", [b"x\x0bMSH\x1c\r", b"\x0bone\x0btwo\x1c\r", b"\x0bhalf"])
def test_broken_framing_is_noticed(lis, noise):
    with socket.create_connection(lis.address, 10) as connection:
        connection.sendall(noise)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(10) == b""
    # The connection is closed before the reason is noted.
    assert lis.record.wait_until(lambda _: bool(lis.record._broken), 10)


def test_what_is_no_hl7_is_noticed(lis, wire):
    wire.write(b"not a message")
    assert lis.record.wait_until(lambda _: bool(lis.record._broken), 10)
    assert not lis.record.reports


def test_orders_are_fictitious_stable_and_escaped():
    assert fictitious_patient("a") == fictitious_patient("a")
    assert plain(escaped("a|b^c&d~e\\f\r\x07é")) == "a|b^c&d~e\\f\r\x07é"


def test_an_order_is_sent_and_its_answer_returned(lis):
    received = []

    def answer_one(server: socket.socket):
        connection, _ = server.accept()
        with connection:
            wire = Wire(connection)
            received.append(wire.read())
            wire.write(b"MSH|^~\\&|X\rMSA|AE|SIM000001\r")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer_one, args=(server,))
        thread.start()
        answer = lis.send_order(server.getsockname()[:2], "S7", placer="P7", stat=True, leukocytes=400)
        thread.join(10)
    assert (answer.code, answer.control_id) == ("AE", "SIM000001")
    rows = {row[0]: row for row in segments(received[0])}
    assert value(rows["SPM"], 2) == "S7"
    assert value(rows["TQ1"], 9) == "S"
    assert value(rows["OBX"], 5) == "400"
    assert value(rows["PID"], 3) == fictitious_patient("P7").identifier


def test_a_message_names_its_moment_with_its_zone():
    message = order_message("S1", placer="P1", patient=PATIENT, at=datetime(2026, 1, 2, tzinfo=UTC), control_id="M1")
    assert b"|20260102000000+0000||OML^O21^OML_O21|M1|P|2.5.1|" in message
