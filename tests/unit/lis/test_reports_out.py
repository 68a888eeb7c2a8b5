import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.ingestion.film import UnreadableFilm
from services.ingestion.store import REMOVED, RESTLESS, UNREACHABLE, UNSTEADY
from services.kit.contracts import Decision, Finding, Measure, Model, Order, Reason
from services.kit.errors import PoisonError
from services.kit.transport import Received
from services.lis.errors import CodesError, NotExpressible
from services.lis.hl7.header import Envelope, Party
from services.lis.hl7.segments import segment
from services.lis.orders.model import Standing
from services.lis.reports.codes import CODES, Wording, luhn_holds, read_codes
from services.lis.reports.figures import basis, decimals, written
from services.lis.reports.notes import notes
from services.lis.reports.writer import OruWriter
from services.simulator.lis import Manner, Patient
from services.simulator.lis.er7 import segments, value
from services.simulator.lis.scrutiny import problems

AT = datetime(2026, 3, 2, tzinfo=UTC)
GOLDEN = Path(__file__).parent / "golden"


def sent(gateway, lis, report) -> str:
    """What the LIS receives of a report, one segment per line."""
    gateway.handle(report)
    before = len(lis.record.reports)
    gateway.send_all()
    (received,) = lis.record.reports[before:]
    assert received.problems == ()
    return received.text


def rows_of(text: str, name: str):
    return [row for row in segments(text.replace("\n", "\r").encode()) if row[0] == name]


KINDS = {
    "released": {},
    "final": {"final": True},
    "held": {"decision": Decision.DECISION_HELD, "reasons": [Reason(code="blasts", text="Blasts were seen.")]},
    "refused": {"decision": Decision.DECISION_REFUSED, "reasons": [Reason(code="damaged", text="It is damaged.")]},
}


@pytest.mark.parametrize("name", KINDS)
def test_the_whole_message_is_as_agreed(gateway, lis, place, make_report, name):
    text = sent(gateway, lis, make_report(place(gateway), **KINDS[name]))
    assert text == (GOLDEN / f"{name}.hl7").read_text(encoding="utf-8")
    message = parse_message(text.replace("\n", "\r"), validation_level=VALIDATION_LEVEL.STRICT, find_groups=True)
    assert message.validate()


def test_a_notice_carries_no_figure_and_no_finding(gateway, lis, place, make_report):
    text = sent(gateway, lis, make_report(place(gateway), decision=Decision.DECISION_HELD))
    assert value(rows_of(text, "OBR")[0], 25) == "I"
    assert rows_of(text, "OBX") == []
    assert "Schistocytes" not in text
    assert "Every target was reached." in text


@pytest.mark.parametrize(
    ("codes", "told"),
    [
        (("incomplete", "name", REMOVED, RESTLESS, UNREACHABLE, UNSTEADY), "None follow unless its files come"),
        ([film.code for film in (UnreadableFilm, *UnreadableFilm.__subclasses__())], "none follow from this scan"),
        (("barcode", "changed", "expired"), "none follow from this scan"),
        (("too_late",), "They follow when it is read."),
        (("second_scan", "already_reported"), "no values are sent."),
        (("blasts", "missed_nuclei"), "The values follow after review."),
    ],
)
def test_a_notice_begins_with_what_is_true_of_its_reason(make_report, codes, told):
    for code in codes:
        report = make_report("O1", decision=Decision.DECISION_HELD, reasons=[Reason(code=code, text="Why.")])
        first, reason, *_ = notes(report, "I", answered_before=False)
        assert reason == "Why."
        assert told in first, code
        assert ("follow after review" in first) == (told == "The values follow after review."), code


def test_control_characters_and_delimiters_in_a_name_come_back_as_they_were(gateway, lis, place, make_report):
    strange = Patient("ID|1", "O'NEIL\rOBX|1|NM|forged&\\", "A^B~C\x0b\x1c\x07", "19800000", "F")
    text = sent(gateway, lis, make_report(place(gateway, patient=strange)))
    pid = rows_of(text, "PID")[0]
    assert (value(pid, 3), value(pid, 5), value(pid, 5, 2)) == (strange.identifier, strange.family, strange.given)
    assert len(rows_of(text, "OBX")) == 11


def test_a_patient_whose_fields_break_the_types_is_still_the_orders_patient(gateway, lis, place, make_report):
    odd = Patient("X" * 300, "N" * 400, "", "19800000", "unknown-code")
    text = sent(gateway, lis, make_report(place(gateway, patient=odd)))
    assert value(rows_of(text, "PID")[0], 7) == "19800000"


def test_a_correction_of_a_final_report_says_so_and_a_second_preliminary_one_does_not(gateway, lis, place, make_report):
    order_id = place(gateway)
    statuses = [
        value(rows_of(sent(gateway, lis, make_report(order_id, number=n, final=final)), "OBR")[0], 25)
        for n, final in enumerate((False, False, True, False, True), 1)
    ]
    assert statuses == ["P", "P", "F", "C", "C"]


def test_a_rejected_final_report_was_never_final(gateway, lis, place, make_report):
    order_id = place(gateway)
    lis.behave(Manner.ERROR)
    sent(gateway, lis, make_report(order_id, number=1, final=True))
    assert value(rows_of(sent(gateway, lis, make_report(order_id, number=2)), "OBR")[0], 25) == "P"


def test_a_notice_after_results_says_that_they_stand(gateway, lis, place, make_report):
    order_id = place(gateway)
    sent(gateway, lis, make_report(order_id, number=1, final=True))
    text = sent(gateway, lis, make_report(order_id, number=2, decision=Decision.DECISION_HELD))
    assert "Results sent before for this order stay as they are." in text


def test_an_unknown_measure_is_sent_under_its_own_name_and_unit(gateway, lis, place, make_report):
    text = sent(gateway, lis, make_report(place(gateway)))
    obx = next(row for row in rows_of(text, "OBX") if value(row, 3) == "morphology.new_kind")
    assert (value(obx, 5), value(obx, 6), value(obx, 6, 3), value(obx, 3, 3)) == (
        "0.5",
        "per 100 of something",
        "",
        "99FROTTIS",
    )


def test_a_unit_that_the_table_does_not_confirm_is_not_called_ucum(gateway, lis, place, make_report):
    measure = Measure(name="differential.blast", numerator=1, denominator=200, value=0.005, unit="1")
    text = sent(gateway, lis, make_report(place(gateway), measures=[measure]))
    obx = rows_of(text, "OBX")[0]
    assert (value(obx, 6), value(obx, 6, 3)) == ("1", "")


def test_a_grade_says_which_share_it_is_of_where_that_is_not_the_one_read(gateway, lis, place, make_report):
    shape = {"name": "erythrocytes.spherocyte", "numerator": 300, "denominator": 5652, "value": 5.31, "unit": "%"}
    measures = [Measure(**shape, grade=1, graded_value=3.36), Measure(**shape, grade=2)]
    text = sent(gateway, lis, make_report(place(gateway), measures=measures))
    told = text.split("Spherocytes [Presence] in Blood")
    assert "NTE|1|L|grade of 3.4 %, the share without what is misread" in told[1].partition("OBX|")[0]
    assert "NTE" not in told[2].partition("OBX|")[0]


@pytest.mark.parametrize(
    "measure",
    [
        Measure(name="differential.blast", numerator=1, denominator=200, value=float("nan"), unit="%"),
        Measure(name="", numerator=1, denominator=200, value=1.0),
        Measure(name="x" * 500, numerator=1, denominator=200, value=1.0),
        Measure(name="erythrocytes.burr", numerator=1, denominator=200, value=0.5, unit="%", grade=9),
    ],
)
def test_what_cannot_be_said_in_hl7_is_not_sent_and_the_others_hear_it(gateway, place, make_report, measure):
    report = make_report(place(gateway), measures=[measure])
    with pytest.raises(PoisonError):
        gateway.handle(report)
    (subscription,) = gateway.service.subscriptions
    (told,) = subscription.on_poison(Received("reports", "k", report, None), "why")
    assert told.value.reason.code == "report_not_expressible"
    assert gateway.waiting() == 0


def test_free_text_without_end_is_cut_where_the_reader_sees_it(make_report, writer):
    report = make_report("order-1", limitations=[Reason(code="c", text="word " * 20_000), *many_lines()])
    report.findings[0].text = "f" * 200_000
    report.measures[5].withheld.text = "w" * 200_000
    rows = segments(writer.write(report, ORDER, [], AT).content)
    texts = [value(row, 3) for row in rows if row[0] == "NTE"] + [value(row, 5) for row in rows if row[0] == "OBX"]
    assert max(map(len, texts)) <= 1000 + len(" (rule schistocytes-2plus, flag)")
    assert sum("…" in text for text in texts) == 4
    assert any("further lines" in text for text in texts)
    assert any("Rules 2026-1" in text for text in texts)


def many_lines():
    return [Reason(code="c", text=f"Line {number}") for number in range(5000)]


@pytest.mark.parametrize(
    "changes",
    [
        {"measures": [Measure(name=f"m.{number}", numerator=1) for number in range(301)]},
        {"measures": [Measure(name="m", numerator=1, denominator=200, value=1.0, unit="u" * 200)]},
        {"measures": [Measure(name="m", numerator=1, denominator=200, value=1e300)]},
        {"measures": [Measure(name="m", numerator=10**17)]},
        {"findings": [Finding(rule_id="r" * 200, effect="flag", text="t")]},
        {"models": [Model(name="n" * 2000, version="1", sha256="ab" * 32)]},
    ],
    ids=["observations", "unit", "value", "count", "rule", "model"],
)
def test_what_identifies_or_measures_is_never_cut_the_report_is_not_sent(make_report, writer, changes):
    with pytest.raises(NotExpressible):
        writer.write(make_report("order-1", **changes), ORDER, [], AT)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("platelets.clumps", "2 seen in 17 fields"),
        ("platelets.counted", "2 seen in 17 fields"),
        ("erythroblasts.per_100_leukocytes", "2 seen while 17 leukocytes were counted"),
        ("platelets.per_100_erythrocytes", "2 seen while 17 erythrocytes were counted"),
        ("leukocytes.counted", "2 of 17 leukocytes looked at"),
        ("differential.blast", "2 of 17 counted"),
    ],
)
def test_a_note_says_what_the_counts_are_of(name, text):
    assert basis(Measure(numerator=2, denominator=17), read_codes().measures[name].note) == text


def test_an_interval_that_is_no_share_names_what_it_is_per():
    measure = Measure(numerator=3, denominator=200, low=0.3, high=4.3)
    note = basis(measure, read_codes().measures["erythroblasts.per_100_leukocytes"].note)
    assert note == "3 seen while 200 leukocytes were counted; 95 % interval 0.3 to 4.3 per 100 leukocytes"


def test_a_message_that_reads_back_differently_is_not_sent(gateway, place, make_report, monkeypatch):
    report = make_report(place(gateway))
    monkeypatch.setattr("services.lis.hl7.segments.escape", lambda text: text)
    with pytest.raises(PoisonError, match=r"read back|not sent"):
        gateway.handle(report)


def test_a_text_of_any_kind_in_a_finding_stays_in_its_field(make_report, writer):
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.text(max_size=60))
    def holds(text):
        report = make_report("order-1", rules_version=text, measures=[Measure(name="a" + text[:20], value=1.0)])
        report.findings[0].text = text
        report.limitations[0].text = text
        content = writer.write(report, ORDER, [], AT).content
        assert problems(content, {}) == []
        (finding,) = [row for row in segments(content) if row[0] == "OBX" and value(row, 3) == "5909-7"]
        assert value(finding, 5) == f"{text} (rule schistocytes-2plus, flag)"

    holds()


ORDER = Standing(
    Order(order_id="order-1", specimen="S100"),
    echo=(
        segment("PID", "1", "", "4711", "", ("NAME", "GIVEN")),
        segment("ORC", "NW", "P1"),
        segment("OBR", "1", "P1"),
    ),
)


@pytest.fixture
def writer() -> OruWriter:
    return OruWriter(Envelope(Party("FROTTIS", ""), Party("LIS", ""), "P"), read_codes())


def test_every_loinc_code_has_its_check_digit_and_every_value_its_source():
    codes = read_codes()
    loinc = [entry.loinc for entry in codes.measures.values() if entry.loinc]
    loinc += [entry.presence.loinc for entry in codes.measures.values() if entry.presence]
    assert len(loinc) == len(set(loinc)) == 26
    assert all(map(luhn_holds, [*loinc, codes.finding.loinc]))
    assert not luhn_holds("26505-7")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("26511-7", "26511-6"), ("unitt: ", "unit: "), ("    {source", "    {loinc"), ("", "\nmeasures:")],
)
def test_a_table_of_codes_that_is_not_right_stops_the_start(tmp_path, wrong, right):
    broken = tmp_path / "codes.yaml"
    broken.write_text(CODES.read_text(encoding="utf-8").replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(CodesError, match=r"codes\.yaml"):
        read_codes(broken)


@pytest.mark.parametrize(
    ("numerator", "denominator", "value", "text"),
    [(200, 0, 200, "200"), (1, 200, 0.5, "0.5"), (1, 1000, 0.1, "0.1"), (1, 5321, 0.0188, "0.02"), (5, 100, 5, "5.0")],
)
def test_figures_show_one_cell_and_no_more(numerator, denominator, value, text):
    measure = Measure(numerator=numerator, denominator=denominator, value=value)
    assert written(value, decimals(measure)) == text


def test_a_basis_without_an_interval_still_names_its_counts():
    assert basis(Measure(numerator=2, denominator=50), Wording()) == "2 of 50 counted"
    assert basis(Measure(numerator=2), Wording()) == ""


def test_writing_is_the_same_for_the_same_report(make_report, writer):
    one, two = (writer.write(make_report("order-1"), ORDER, [], AT) for _ in range(2))
    assert one == two
    other = writer.write(make_report("order-1", number=2), ORDER, [], AT)
    assert other.control_id != one.control_id
    assert len(one.control_id) == 20


def test_writing_works_from_several_threads_at_once(make_report, writer):
    found = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(writer.write(make_report("order-1", number=n), ORDER, [], AT)))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len({w.control_id for w in found}) == 4
