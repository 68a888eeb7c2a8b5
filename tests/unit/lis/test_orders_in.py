import socket
import threading
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kit.contracts import Priority
from services.kit.database import Database
from services.kit.errors import SettingsError, TransientError
from services.lis.errors import PortUnavailable, Unaddressable
from services.lis.hl7.moments import read_moment
from services.lis.mllp.framing import Frame
from services.lis.orders.model import Placer
from services.lis.orders.store import OrderStore
from services.lis.settings import LisSettings
from services.lis.tables import METADATA
from services.simulator.lis import fictitious_patient, order_message
from services.simulator.lis.er7 import segments, value
from services.simulator.lis.orders import HaemogramLine
from services.simulator.lis.wire import Wire

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def oml(control_id: str = "M1", placer: str = "P100", specimen: str = "S100", **given) -> bytes:
    patient = given.pop("patient", fictitious_patient(placer))
    at = given.pop("at", AT)
    return order_message(specimen, placer=placer, patient=patient, at=at, control_id=control_id, **given)


@pytest.fixture
def stored_name(gateway):
    """PID-5.1 as the gateway keeps it, read through a connection of its own."""

    def read(order_id: str) -> str:
        database = Database.in_file(gateway.folder / "lis.db", METADATA)
        try:
            return OrderStore(database).known(order_id).segment("PID").text(5)
        finally:
            database.close()

    return read


@pytest.fixture
def answer(gateway):
    """Give the gateway one frame; the answers as (MSA-1, MSA-2, ERR rows)."""

    def ask(content: bytes):
        found = [segments(a) for a in gateway.server._answer(Frame(content))]
        msas = [next(row for row in rows if row[0] == "MSA") for rows in found]
        errors = [[row for row in rows if row[0] == "ERR"] for rows in found]
        return [(value(m, 1), value(m, 2), e) for m, e in zip(msas, errors, strict=True)]

    return ask


def only(answers):
    ((code, control_id, errors),) = answers
    return code, control_id, [(value(e, 2, 1), value(e, 2, 3), value(e, 3)) for e in errors]


def test_an_order_is_acknowledged_and_told_without_its_patient(answer, gateway):
    haemogram = [HaemogramLine("26464-8", "Leukocytes", 4.2, "10*9/L")]
    assert only(answer(oml(stat=True, leukocytes=400, haemogram=haemogram))) == ("AA", "M1", [])
    (outgoing,) = gateway.events()
    order = outgoing.value
    assert (outgoing.topic, outgoing.key) == ("orders", order.order_id)
    assert order.order_id == Placer("P100", "SIMLIS").order_id
    assert order.specimen == "S100"
    assert order.priority == Priority.PRIORITY_STAT
    assert order.leukocytes_wanted == 400
    assert [(a.loinc, a.value, a.unit) for a in order.haemogram] == [("26464-8", 4.2, "10*9/L")]
    assert order.ordered_at.ToDatetime(UTC) == AT
    patient = fictitious_patient("P100")
    assert not any(part in str(order) for part in (patient.family, patient.given, patient.identifier, "P100"))


def test_the_same_message_again_is_acknowledged_again_and_changes_nothing(answer, gateway):
    assert only(answer(oml("M1"))) == only(answer(oml("M1"))) == ("AA", "M1", [])
    assert len(gateway.events()) == 1


def test_the_same_order_under_another_number_tells_the_others_nothing_new(answer, gateway):
    answer(oml("M1"))
    assert only(answer(oml("M2")))[0] == "AA"
    assert len(gateway.events()) == 1


def test_a_copy_sent_late_does_not_undo_a_change(answer, gateway):
    original = oml("M1")
    answer(original)
    answer(oml("M2", control="XO", stat=True))
    gateway.events()
    later_header = original.replace(b"|20260302093000+0000||OML", b"|20260302114500+0000||OML")
    assert later_header != original
    assert only(answer(later_header)) == ("AA", "M1", [])
    assert gateway.orders() == []
    assert gateway.counted("frottis_orders_total", answer="AA repeated") == 1


def test_a_change_updates_and_a_cancellation_cancels(answer, gateway):
    answer(oml("M1"))
    answer(oml("M2", control="XO", stat=True))
    answer(oml("M3", control="CA"))
    told = gateway.orders()
    assert [(o.priority, o.cancelled) for o in told] == [
        (Priority.PRIORITY_ROUTINE, False),
        (Priority.PRIORITY_STAT, False),
        (Priority.PRIORITY_STAT, True),
    ]
    assert len({o.order_id for o in told}) == 1


def test_an_order_that_moves_to_another_tube_leaves_the_first(answer, gateway):
    answer(oml("M1", specimen="S100"))
    answer(oml("M2", specimen="S200", control="XO"))
    assert [(o.specimen, o.cancelled) for o in gateway.orders()] == [("S100", False), ("S100", True), ("S200", False)]


def test_cancelling_what_was_never_ordered_is_an_error_of_the_sender(answer, gateway):
    assert only(answer(oml(control="CA"))) == ("AE", "M1", [("ORC", "1", "204")])
    assert gateway.events() == []


def test_one_message_may_hold_several_orders_and_takes_all_or_none(answer, gateway):
    one, two = oml("M1").split(b"ORC|", 1)
    both = one + b"ORC|" + two + b"ORC|" + two.replace(b"P100", b"P200").replace(b"S100", b"S200")
    assert only(answer(both)) == ("AA", "M1", [])
    assert [o.specimen for o in gateway.orders()] == ["S100", "S200"]
    broken = both.replace(b"P200", b"").replace(b"S200", b"").replace(b"|M1|", b"|M2|").replace(b"P100", b"P300")
    assert only(answer(broken)) == ("AE", "M2", [("ORC", "2", "101"), ("SPM", "2", "101")])
    assert gateway.events() == []


def test_results_of_earlier_orders_in_the_message_are_no_orders(answer, gateway):
    prior = b"ORC|PR|OLD1|\rOBR|1|OLD1||CBC\rOBX|1|NM|26464-8^^LN||99|10*9/L|||||F\r"
    assert only(answer(oml() + prior)) == ("AA", "M1", [])
    (order,) = gateway.orders()
    assert not order.haemogram


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ((b"OML^O21^OML_O21", b"ORM^O01"), ("AR", [("MSH", "9", "200")])),
        ((b"OML^O21^OML_O21", b"OML^O33"), ("AR", [("MSH", "9", "201")])),
        ((b"|P|2.5.1|", b"|T|2.5.1|"), ("AR", [("MSH", "11", "202")])),
        ((b"|P|2.5.1|", b"|P|3.0|"), ("AR", [("MSH", "12", "203")])),
        ((b"ORC|NW|", b"ORC|ZZ|"), ("AE", [("ORC", "1", "103")])),
        ((b"ORC|NW|", b"XRC|NW|"), ("AE", [("ORC", "", "100")])),
        ((b"PID|1|", b"ZID|1|"), ("AE", [("PID", "", "100")])),
        ((b"UNICODE UTF-8", b"KLINGON"), ("AE", [("MSH", "18", "103")])),
        ((b"|S100|", b"|S 100|"), ("AE", [("SPM", "2", "101")])),
        ((b"PV1|1|", b"PID|1||SOMEBODY-ELSE\rPV1|1|"), ("AE", [("PID", "3", "100")])),
    ],
)
def test_a_faulty_message_is_told_what_is_wrong_and_where(answer, gateway, change, expected):
    content = oml(leukocytes=200).replace(*change)
    code, control_id, errors = only(answer(content))
    assert control_id == "M1"
    assert (code, errors) == expected
    assert gateway.events() == []


def test_an_impossible_count_of_leukocytes_is_refused_by_place(answer):
    haemogram = [HaemogramLine("26464-8", "Leukocytes", 4.2, "10*9/L")]
    assert only(answer(oml(leukocytes=0, haemogram=haemogram))) == ("AE", "M1", [("OBX", "5", "102")])


def test_text_instead_of_a_number_is_no_haemogram_and_told_as_unread(answer, gateway):
    content = oml(haemogram=[HaemogramLine("26464-8", "Leukocytes", 4.2, "10*9/L")]).replace(b"||4.2|", b"||++++|")
    assert only(answer(content))[0] == "AA"
    (order,) = gateway.orders()
    assert (list(order.haemogram), list(order.haemogram_unread)) == ([], ["26464-8"])


def test_an_error_text_repeats_nothing_of_the_message(answer, gateway):
    answers = gateway.server._answer(Frame(oml().replace(b"|S100|", b"|S 100|")))
    patient = fictitious_patient("P100")
    assert not any(part.encode() in answers[0] for part in (patient.family, patient.identifier, "S 100"))


@pytest.mark.parametrize(
    ("fields", "codes"),
    [
        (b"AL|AL", ["CA", "AA"]),
        (b"AL|NE", ["CA"]),
        (b"NE|AL", ["AA"]),
        (b"|AL", ["AA"]),
        (b"ER|ER", []),
        (b"SU|NE", ["CA"]),
    ],
)
def test_enhanced_mode_gets_the_acknowledgements_it_asks_for(answer, fields, codes):
    content = oml().replace(b"2.5.1||||||UNI", b"2.5.1|||" + fields + b"||UNI")
    assert [code for code, _, _ in answer(content)] == codes


def test_latin_1_without_a_declaration_is_read_as_french_systems_mean_it(answer, gateway, stored_name):
    patient = fictitious_patient("P100")
    content = oml().replace(b"UNICODE UTF-8", b"").replace(patient.family.encode(), "LEFÈVRE".encode("latin-1"))
    assert only(answer(content))[0] == "AA"
    assert stored_name(gateway.orders()[0].order_id) == "LEFÈVRE"


@pytest.mark.parametrize(
    ("declared", "written", "name"),
    [
        (b"8859/1", rb"LEF\XC8\VRE", "LEFÈVRE"),
        (b"8859/15", rb"B\XBC\UF", "BŒUF"),
        (b"UNICODE UTF-8", rb"LEF\XC388\VRE", "LEFÈVRE"),
        (b"UNICODE UTF-8", rb"LEF\XC8\VRE", r"LEF\XC8\VRE"),
        (b"", rb"LEF\XC8\VRE", r"LEF\XC8\VRE"),
    ],
)
def test_hexadecimal_bytes_are_in_the_messages_character_set(answer, gateway, stored_name, declared, written, name):
    patient = fictitious_patient("P100")
    content = oml().replace(b"UNICODE UTF-8", declared).replace(patient.family.encode(), written)
    assert only(answer(content))[0] == "AA"
    assert stored_name(gateway.orders()[0].order_id) == name


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"\xef\xbb\xbf", b""), (b"\r\n", b""), (b"", b"\r"), (b"", b" \r"), (b"", b"\n\n"), (b"", b"\r\n \r\n")],
)
def test_a_byte_order_mark_and_blank_lines_say_nothing(answer, gateway, before, after):
    assert only(answer(before + oml() + after)) == ("AA", "M1", [])
    assert only(answer(before + oml("M2").replace(b"UNICODE UTF-8", b"KLINGON") + after))[0] == "AE"
    assert len(gateway.events()) == 1


def test_bytes_outside_the_declared_set_are_refused_rather_than_guessed(answer):
    content = oml().replace(b"SMEAR", b"").replace(b"HEMATO", "HÉMATO".encode("latin-1"))
    assert only(answer(content)) == ("AE", "M1", [("MSH", "18", "102")])


def test_control_characters_in_a_name_are_kept_as_data(answer, gateway, stored_name):
    patient = fictitious_patient("P100")
    content = oml().replace(patient.family.encode(), rb"DO\X0D\OBX\F\1" + b"\x07\n")
    assert only(answer(content))[0] == "AA"
    assert stored_name(gateway.orders()[0].order_id) == "DO\rOBX|1\x07"


def test_a_raw_line_end_in_a_name_is_refused_not_misread(answer):
    patient = fictitious_patient("P100")
    code, _, errors = only(answer(oml().replace(patient.family.encode(), b"DO\rE")))
    assert (code, errors) == ("AE", [("", "", "100")])


def test_an_order_that_cannot_be_stored_now_is_asked_for_again(answer, gateway, monkeypatch):
    def full(*_):
        raise TransientError("disk full")

    monkeypatch.setattr("services.lis.orders.store.OrderStore.take", full)
    code, _, errors = only(answer(oml()))
    assert (code, errors) == ("AR", [("", "", "207")])


@pytest.mark.parametrize(
    "content", [b"", b"MSH", b"garbage", b"MSH|^~\\&|", b"MSH|^~\\&|A|B|C|D|2026||OML^O21||P|2.5.1\r", b"MSHAAAAA|x"]
)
def test_what_names_nobody_gets_no_answer_and_is_counted(answer, gateway, content):
    with pytest.raises(Unaddressable):
        answer(content)
    assert gateway.counted("frottis_orders_total", answer="unaddressable") == 1


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_damage_to_a_message_stops_the_gateway(answer, gateway, data):
    content = bytearray(oml(leukocytes=200, haemogram=[HaemogramLine("26464-8", "Leukocytes", 4.2, "10*9/L")]))
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(start, min(len(content), start + 20)))
        content[start:end] = data.draw(
            st.binary(max_size=8) | st.sampled_from([b"|", b"^", b"~", b"\\", b"&", b"\r", b"\n"])
        )
    try:
        answers = answer(bytes(content))
    except Unaddressable:
        return
    for code, _, _ in answers:
        assert code in ("AA", "AE", "AR", "CA", "CE", "CR")


def test_frames_cut_and_merged_by_the_network_are_answered_in_order(gateway):
    with gateway.serving() as address, socket.create_connection(address, 10) as connection:
        wire = Wire(connection)
        stream = b"noise" + b"".join(b"\x0b" + oml(f"M{n}", f"P{n}", f"S{n}") + b"\x1c\r" for n in range(3))
        for start in range(0, len(stream), 97):
            connection.sendall(stream[start : start + 97])
        found = [segments(wire.read()) for _ in range(3)]
    assert [(value(rows[1], 1), value(rows[1], 2)) for rows in found] == [("AA", "M0"), ("AA", "M1"), ("AA", "M2")]
    assert len(gateway.orders()) == 3


def test_a_frame_too_large_or_cut_short_is_refused_by_its_number(open_gateway, clock):
    gateway = open_gateway(clock=clock, message_bytes=4096)
    with gateway.serving() as address, socket.create_connection(address, 10) as connection:
        wire = Wire(connection)
        wire.write(oml("BIG") + b"NTE|1|L|" + b"x" * 100_000 + b"\r")
        connection.sendall(b"\x0b" + oml("CUT")[:200])
        wire.write(oml("GOOD"))
        found = [segments(wire.read()) for _ in range(3)]
    assert [(value(rows[1], 1), value(rows[1], 2)) for rows in found] == [("AE", "BIG"), ("AE", "CUT"), ("AA", "GOOD")]


def test_a_silent_connection_is_closed_and_makes_room(open_gateway, clock):
    gateway = open_gateway(clock=clock, listen_idle_s=0.3, listen_connections=1)
    with gateway.serving() as address, socket.create_connection(address, 10) as first:
        first.sendall(b"\x0bMSH|")
        assert first.recv(10) == b""
        with socket.create_connection(address, 10) as second:
            wire = Wire(second)
            wire.write(oml())
            assert value(segments(wire.read())[1], 1) == "AA"


def test_more_connections_than_allowed_are_turned_away_at_once(open_gateway, clock):
    gateway = open_gateway(clock=clock, listen_connections=1)
    with gateway.serving() as address, socket.create_connection(address, 10) as first:
        wire = Wire(first)
        wire.write(oml())
        assert wire.read()
        with socket.create_connection(address, 10) as second:
            assert second.recv(10) == b""
        wire.write(oml("M2"))
        assert wire.read()


def test_a_defect_in_answering_costs_the_line_and_nothing_else(open_gateway, clock):
    gateway = open_gateway(clock=clock)
    answer, gateway.server._answer = gateway.server._answer, lambda _: 1 / 0
    with gateway.serving() as address:
        with socket.create_connection(address, 10) as connection:
            Wire(connection).write(oml())
            assert connection.recv(10) == b""
        gateway.server._answer = answer
        with socket.create_connection(address, 10) as connection:
            Wire(connection).write(oml())
            assert Wire(connection).read()


@pytest.mark.parametrize("tail", ["MSH", "MSH|", "ORC\r" * 3000])
def test_a_hostile_message_is_answered_ae_and_harms_nothing(answer, tail):
    [(code, _, _)] = answer(oml() + f"{tail}\r".encode())
    assert code == "AE"


def test_an_event_stays_until_the_broker_has_it(answer, gateway):
    answer(oml())
    first = gateway.events(confirm=False)
    assert gateway.events() == first != []
    assert gateway.events() == []


def test_readiness_tells_whether_orders_can_come_in(gateway):
    assert "not open" in gateway.service.readiness["orders"]()
    with gateway.serving():
        assert gateway.service.readiness["orders"]() is None


def test_a_port_that_is_taken_is_told_plainly(gateway, open_gateway, clock, tmp_path):
    with gateway.serving() as (_, port):
        other = open_gateway(clock=clock, folder=tmp_path / "other", listen_port=port)
        with pytest.raises(PortUnavailable, match=f"{port}.*set another"):
            other.server(threading.Event())


def test_a_time_zone_that_does_not_exist_is_refused_at_start():
    with pytest.raises(SettingsError, match="Mars/Olympus"):
        LisSettings.load(lis_host="h", lis_port=1, time_zone="Mars/Olympus")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("20260302093000+0100", datetime(2026, 3, 2, 8, 30, tzinfo=UTC)),
        ("202603020930", datetime(2026, 3, 2, 8, 30, tzinfo=UTC)),
        ("2026030209", datetime(2026, 3, 2, 8, tzinfo=UTC)),
        ("20260302", datetime(2026, 3, 1, 23, tzinfo=UTC)),
        ("2026-03-02", None),
        ("20260231", None),
        ("00000000", None),
        ("20260302+9900", None),
    ],
)
def test_moments_are_read_as_the_standard_writes_them(text, moment):
    assert read_moment(text, ZoneInfo("Europe/Paris")) == moment
