"""Names that HL7 finds hard: kept for the LIS to the letter, and seen nowhere else."""

from datetime import UTC, datetime

import pytest

from services.review.states import State
from services.simulator.lis import Patient, order_message
from tests.e2e.hospital import put

# Every piece that is searched for is long and rare enough to stand nowhere by chance.
PIECES = ("Qxbrandtz", "Vwlindgrz", "Zjohanszk", "FICTQ77130942")
NAMES = {
    "delimiters": ("Qxbrandtz|^~\\&Vwlindgrz", "Zjohanszk&|1"),
    "line ends": ("Qxbrandtz\rOBX|1|NM|Vwlindgrz\n", "Zjohanszk\r\n"),
    "frame bytes": ("Qxbrandtz\x0b\x1c\rVwlindgrz", "Zjohanszk\x1c"),
    "control characters": ("Qxbrandtz\x00\x07\x1b[2JVwlindgrz\x7f", "Zjohanszk\x85\u2028"),
    "escape sequences": ("Qxbrandtz\\H\\\\X0D\\\\.br\\Vwlindgrz", "Zjohanszk\\F\\"),
}


@pytest.fixture(autouse=True)
def nowhere_else(ward, capfd):
    """After each test: no piece of a name in any file of the state folder but the LIS service's, log or metric."""
    yield
    held = {path: path.read_bytes() for path in ward.state.rglob("*") if path.is_file()}
    elsewhere = [content for path, content in held.items() if not path.name.startswith("lis.db")]
    named = [str(path.relative_to(ward.state)).encode() for path in held]
    told = capfd.readouterr()
    seen = b"\n".join([*elsewhere, *named, told.out.encode(), told.err.encode(), ward.ask("/metrics")[1].encode()])
    assert [piece for piece in PIECES if piece.encode() in seen] == []


def test_names_full_of_delimiters_and_control_characters_come_back_to_the_letter(ward, scan):
    for number, (family, given) in enumerate(NAMES.values()):
        patient = Patient(PIECES[3], family, given, "19800101", "F")
        assert ward.order("F0001", f"NAME-{number}", patient=patient).code == "AA"
    name = put(scan("names", "F0001"), ward.share)
    ward.wait_for(name, State.ACKNOWLEDGED, State.HELD)
    ward.wait(lambda: len(ward.lis.record.effective()) == len(NAMES), "an answer to each order")
    assert any(PIECES[0].encode() in path.read_bytes() for path in ward.state.glob("lis.db*"))
    for number in range(len(NAMES)):
        [report] = ward.reports(f"NAME-{number}")
        # The simulated LIS has compared the patient to the one it ordered for.
        assert report.problems == ()
        assert report.stored
        assert not set(report.content) & ({*range(32), 127} - {13})
        assert sum(line.startswith("PID|") for line in report.text.splitlines()) == 1
        assert sum(line.startswith("OBX|1|NM|Vw") for line in report.text.splitlines()) == 0


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        pytest.param("Qxbrandtz\rVwlindgrz", "AE", id="a line end that was not escaped"),
        pytest.param("Qxbrandtz\x0bVwlindgrz", "AE", id="a frame that begins inside another"),
        pytest.param("Qxbrandtz\x07\x1b[31mVwlindgrz", "AA", id="control characters that were not escaped"),
        pytest.param("Qxbrandtz\\X0D0A\\Vwlindgrz\\Xzz\\", "AA", id="sequences escaped and unknown"),
    ],
)
def test_a_name_that_was_not_escaped_is_taken_or_refused_whole(ward, raw, code):
    patient = Patient(PIECES[3], "NAME", PIECES[2], "19800101", "F")
    message = order_message("F0002", placer="RAW", patient=patient, at=datetime.now(UTC), control_id=f"RAW{len(raw)}")
    answer = ward.lis.send(ward.orders, message.replace(b"NAME", raw.encode()))
    assert answer.code == code
    assert answer.control_id == f"RAW{len(raw)}"
    assert not any(piece.encode() in answer.content for piece in PIECES)
