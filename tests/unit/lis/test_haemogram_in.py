import pytest

from services.lis.hl7.segments import decode_segment
from services.lis.orders.grouping import Group
from services.lis.orders.haemogram import haemogram
from services.lis.orders.model import Analysed

WBC = "26464-8"


def read(*rows: str) -> Analysed:
    """The haemogram of OBX rows, each from OBX-2 on."""
    segments = [decode_segment(f"OBX|{number}|{row}") for number, row in enumerate(rows, 1)]
    return haemogram(Group((decode_segment("ORC|NW|P1"), *segments), {}))


def row(value: str, status: str = "F", kind: str = "NM", code: str = f"{WBC}^Leukocytes^LN") -> str:
    return f"{kind}|{code}||{value}|10*9/L^^UCUM|||||{status}"


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("NM", "0.5", 0.5),
        ("NM", "0,5", 0.5),
        ("ST", "12,25", 12.25),
        ("NM", "0,500", 0.5),
        ("SN", "^0.5", 0.5),
        ("SN", "=^0,5", 0.5),
        ("SN", "<=^0.5", 0.5),
        ("ST", ">= 400", 400.0),
    ],
)
def test_numbers_are_read_as_analysers_write_them(kind, text, value):
    assert read(row(text, kind=kind)) == Analysed(((WBC, value, "10*9/L"),))


@pytest.mark.parametrize(("kind", "text"), [("SN", "<^0.5"), ("NM", "<0.5"), ("ST", "< 0,5"), ("NM", "<^0.5")])
def test_what_is_below_a_bound_is_told_below_it(kind, text):
    ((_, value, _),) = read(row(text, kind=kind)).results
    assert 0.4999 < value < 0.5
    # Also once it was brought to another unit.
    assert value * 1000 * 0.001 < 0.5


def test_what_is_above_a_bound_is_told_above_it():
    ((_, value, _),) = read(row(">^400", kind="SN")).results
    assert 400 < value < 400.001


@pytest.mark.parametrize("text", ["----", "++++", "4,200", "<>^3", "0.5~9.5", "<-1", "1e3", "", "see note"])
@pytest.mark.parametrize("kind", ["NM", "SN", "ST"])
def test_what_is_no_sure_number_is_told_by_its_code_alone(kind, text):
    assert read(row(text, kind=kind)) == Analysed((), (WBC,))


@pytest.mark.parametrize("text", ["^1^-^3", "^2^+", "^1^:^128", "4^2", "<^"])
def test_a_range_or_ratio_is_told_by_its_code_alone(text):
    assert read(row(text, kind="SN")) == Analysed((), (WBC,))


@pytest.mark.parametrize("status", ["I", "N", "O", "U"])
def test_a_result_that_is_still_to_come_is_none(status):
    assert read(row("", status)) == Analysed()


@pytest.mark.parametrize("status", ["D", "W", "X"])
def test_a_void_result_is_none(status):
    assert read(row("0.5", status), row("----", status, code="777-3^Platelets^L")) == Analysed()


@pytest.mark.parametrize(
    ("rows", "value"),
    [
        ([("9.5", "F"), ("1.5", "C")], 1.5),
        ([("1.5", "C"), ("9.5", "F")], 1.5),
        ([("9.5", "F"), ("3.5", "C"), ("1.5", "C")], 1.5),
        ([("9.5", "P"), ("1.5", "F")], 1.5),
        ([("1.5", "F"), ("9.5", "F")], 1.5),
        ([("----", "P"), ("1.5", "F")], 1.5),
        ([("----", "F"), ("1.5", "C")], 1.5),
    ],
)
def test_a_corrected_result_counts_before_a_final_one_and_that_before_a_preliminary_one(rows, value):
    assert read(*(row(text, status) for text, status in rows)) == Analysed(((WBC, value, "10*9/L"),))


def test_a_corrected_result_that_cannot_be_read_is_not_replaced_by_what_it_corrects():
    assert read(row("9.5"), row("----", "C")) == Analysed((), (WBC,))


def test_of_two_final_results_one_that_cannot_be_read_is_told_beside_the_other():
    assert read(row("9.5"), row("----")) == Analysed(((WBC, 9.5, "10*9/L"),), (WBC,))


@pytest.mark.parametrize("code", [f"{WBC}^Leukocytes^L", f"{WBC}^Leukocytes", f"WBC^Leukocytes^L^{WBC}^^99X"])
def test_a_code_of_loincs_form_under_another_system_is_told_as_unread(code):
    assert read(row("0.5", code=code)) == Analysed((), (WBC,))


@pytest.mark.parametrize("code", [f"{WBC}^^LN", f"{WBC}^^LOINC", f"WBC^Leukocytes^L^{WBC}^Leukocytes^LN"])
def test_a_loinc_code_is_read_where_the_system_says_so(code):
    assert read(row("0.5", code=code)) == Analysed(((WBC, 0.5, "10*9/L"),))


def test_local_codes_are_ignored_whatever_they_say():
    assert read(row("0.5", code="WBC^Leukocytes^L"), row("----", code="SCATTER^Plot^99SYSMEX")) == Analysed()
