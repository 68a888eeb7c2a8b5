"""What an order message may change, and what of it is read: prior results, numbers in use, lengths, revisions."""

import time

import pytest

from services.lis.hl7.message import Message, parse
from services.lis.hl7.segments import Segment
from services.lis.mllp.framing import Frame
from services.lis.orders.grouping import groups_of
from services.simulator.lis import fictitious_patient
from services.simulator.lis.er7 import segments, value
from services.simulator.lis.orders import HaemogramLine, order_message

LEUKOCYTES = [HaemogramLine("26464-8", "Leukocytes", 4.2, "10*9/L")]
PRIOR_OBR = "OBR|2|OLD1||CBC^Blood count^L|||20200101\r"
PRIOR_OBX = "OBX|1|NM|26464-8^Leukocytes^LN||99|10*9/L^^UCUM|||||F\r"
PRIOR_PLATELETS = "OBX|2|NM|26515-7^Platelets^LN||12|10*9/L^^UCUM|||||F\r"


def oml(clock, control_id="M1", placer="P100", specimen="S100", **given) -> str:
    patient = given.pop("patient", fictitious_patient("P100"))
    content = order_message(specimen, placer=placer, patient=patient, at=clock.now(), control_id=control_id, **given)
    return content.decode()


@pytest.fixture
def order(gateway, clock):
    """Send an order made of the given fields; MSA-1 and (segment, field, code) of every ERR."""

    def send(message: str = "", **given):
        content = (message or oml(clock, **given)).encode()
        (answer,) = gateway.server._answer(Frame(content))
        rows = segments(answer)
        errors = [(value(row, 2, 1), value(row, 2, 3), value(row, 3)) for row in rows if row[0] == "ERR"]
        return value(next(row for row in rows if row[0] == "MSA"), 1), errors

    return send


@pytest.mark.parametrize(
    "prior",
    [
        PRIOR_OBR + PRIOR_OBX + PRIOR_PLATELETS,
        "PID|1||{patient}\r" + PRIOR_OBR + PRIOR_OBX + PRIOR_PLATELETS,
        "PV1|1|O|OLD\rORC|PR|OLD1\r" + PRIOR_OBR + PRIOR_OBX + PRIOR_PLATELETS,
    ],
    ids=["order without ORC", "patient, order without ORC", "visit, order with ORC"],
)
@pytest.mark.parametrize("haemogram", [LEUKOCYTES, []], ids=["today's too", "prior only"])
def test_prior_results_are_never_todays_haemogram(order, gateway, clock, prior, haemogram):
    prior = prior.format(patient=f"{fictitious_patient('P100').identifier}^^^SIMULATOR^PI")
    assert order(oml(clock, haemogram=haemogram) + prior) == ("AA", [])
    (told,) = gateway.orders()
    assert [(a.loinc, a.value) for a in told.haemogram] == [(line.loinc, line.value) for line in haemogram]


def test_the_timing_of_a_prior_order_makes_no_order_urgent(order, gateway, clock):
    message = oml(clock).replace("TQ1|1||||||||R\r", "") + PRIOR_OBR + "TQ1|1||||||||S\r" + PRIOR_OBX
    routine = order(message), gateway.orders()[0].priority
    assert order(oml(clock, "M2", placer="P200", specimen="S200"))[0] == "AA"
    assert routine == (("AA", []), gateway.orders()[0].priority)


def test_a_visit_of_a_prior_result_is_not_todays(order, gateway, clock, lis, make_report):
    message = oml(clock).replace("PV1|1|I|HEMATO^101^1\r", "") + "PV1|1|O|OLDWARD\r" + PRIOR_OBR + PRIOR_OBX
    lis.expect("P100", fictitious_patient("P100"))
    assert order(message) == ("AA", [])
    gateway.handle(make_report(gateway.orders()[0].order_id))
    gateway.send_all()
    assert "OLDWARD" not in lis.record.reports[0].text


def test_of_one_analyte_the_first_value_counts(order, gateway, clock):
    twice = [*LEUKOCYTES, HaemogramLine("26464-8", "Leukocytes", 99, "10*9/L")]
    order(oml(clock, haemogram=twice))
    assert [a.value for a in gateway.orders()[0].haemogram] == [4.2]


def test_a_specimen_behind_prior_results_is_refused_not_guessed(order, gateway, clock):
    spm = "SPM|1|S100||BLD^Whole blood^HL70487\r"
    assert order(oml(clock).replace(spm, "") + PRIOR_OBR + PRIOR_OBX + spm) == ("AE", [("SPM", "", "100")])
    assert gateway.events() == []


@pytest.mark.parametrize("specimen", ["S100", "S200"])
def test_an_order_number_in_use_for_another_patient_is_refused(order, gateway, specimen):
    order()
    gateway.events()
    other = fictitious_patient("somebody else")
    assert order(control_id="M2", specimen=specimen, patient=other) == ("AE", [("ORC", "2", "205")])
    assert gateway.events() == []


def test_an_order_number_in_use_for_another_specimen_is_refused_and_changes_nothing(order, gateway, lis, make_report):
    order()
    (told,) = gateway.orders()
    assert order(control_id="M2", specimen="S200", stat=True) == ("AE", [("ORC", "2", "205")])
    assert gateway.events() == []
    lis.expect("P100", fictitious_patient("P100"))
    gateway.handle(make_report(told.order_id))
    gateway.send_all()
    assert "SPM|1|S100" in lis.record.reports[0].text


def test_a_message_that_uses_one_number_twice_is_refused_whole(order, gateway, clock):
    head, group = oml(clock).split("ORC|", 1)
    both = f"{head}ORC|{group}ORC|{group.replace('S100', 'S200')}"
    assert order(both) == ("AE", [("ORC", "2", "205")])
    assert gateway.events() == []


def test_a_specimen_number_that_another_patients_order_has_is_refused(order, gateway):
    order()
    gateway.events()
    other = fictitious_patient("somebody else")
    assert order(control_id="M2", placer="P200", patient=other) == ("AE", [("ORC", "1", "205")])
    assert gateway.events() == []


def test_a_specimen_number_is_free_again_once_the_other_patients_order_is_cancelled(order, gateway):
    order()
    assert order(control_id="M2", control="CA") == ("AA", [])
    assert order(control_id="M3", placer="P200", patient=fictitious_patient("somebody else")) == ("AA", [])


def test_a_second_order_of_the_same_patient_for_the_specimen_is_taken(order):
    order()
    assert order(control_id="M2", placer="P200", patient=fictitious_patient("P100")) == ("AA", [])


def test_the_same_order_with_further_identifiers_of_its_patient_is_a_repeat(order, gateway, clock):
    order()
    number = fictitious_patient("P100").identifier
    more = oml(clock, "M2").replace(f"PID|1||{number}^^^SIMULATOR^PI", f"PID|1||NEW^^^NATIONAL~{number}^^^SIMULATOR^PI")
    assert order(more) == ("AA", [])
    assert len(gateway.orders()) == 1


def test_the_same_number_of_another_authority_is_another_patient(order, clock):
    order()
    assert order(oml(clock, "M2").replace("^^^SIMULATOR^PI", "^^^ELSEWHERE^PI")) == ("AE", [("ORC", "2", "205")])


@pytest.mark.parametrize("control", ["XO", "CA"])
def test_nobody_elses_order_is_changed_or_cancelled(order, gateway, control):
    order()
    gateway.events()
    other = fictitious_patient("somebody else")
    assert order(control_id="M2", control=control, patient=other) == ("AE", [("ORC", "2", "204")])
    assert gateway.events() == []


def test_a_replaced_order_is_cancelled_and_its_replacement_placed(order, gateway, clock):
    order()
    head, old = oml(clock, "M2", control="RP").split("ORC|", 1)
    new = oml(clock, placer="P200", specimen="S200", control="RO").split("ORC|", 1)[1]
    assert order(f"{head}ORC|{old}ORC|{new}") == ("AA", [])
    assert [(o.specimen, o.cancelled) for o in gateway.orders()] == [("S100", False), ("S100", True), ("S200", False)]


def test_a_replacement_that_names_nothing_new_is_refused(order, gateway):
    order()
    gateway.events()
    assert order(control_id="M2", control="RP") == ("AE", [("ORC", "1", "100")])
    assert gateway.events() == []


@pytest.mark.parametrize("control", ["NW", "XO"])
def test_a_cancelled_order_that_is_placed_again_is_told_in_force(order, gateway, control):
    order()
    order(control_id="M2", control="CA")
    assert order(control_id="M3", control=control) == ("AA", [])
    told = gateway.orders()
    assert [o.cancelled for o in told] == [False, True, False]
    assert [o.revision for o in told] == sorted({o.revision for o in told})


def test_every_word_on_an_order_has_a_higher_revision_also_after_a_restart(open_gateway, order, gateway, clock, lis):
    order()
    order(control_id="M2", control="XO", stat=True)
    order(control_id="M3", control="XO", specimen="S200")
    order(control_id="M3 repeated", control="XO", specimen="S200")
    told = gateway.orders()
    assert len(told) == 4
    gateway.close()
    again = open_gateway(lis.address, clock)
    again.server._answer(Frame(oml(clock, "M4", specimen="S200", control="CA").encode()))
    told += again.orders()
    revisions = [o.revision for o in told]
    assert revisions == sorted(set(revisions))
    assert revisions[0] > 0


def test_words_on_an_order_are_told_under_the_orders_key(order, gateway):
    order()
    order(control_id="M2", control="XO", specimen="S200")
    assert all(event.key == event.value.order_id for event in gateway.events())
    order(control_id="M3", control="CA", specimen="S200")
    (event,) = gateway.events()
    assert event.key == event.value.order_id


@pytest.mark.parametrize(
    ("part", "long", "place"),
    [
        ("ORC|NW|P100^", "ORC|NW|" + "P" * 200 + "^", ("ORC", "2", "102")),
        ("ORC|NW|P100^SIMLIS", "ORC|NW|P100^" + "N" * 500, ("ORC", "2", "102")),
        ("SPM|1|S100|", "SPM|1|" + "S" * 65 + "|", ("SPM", "2", "101")),
        ("SPM|1|S100|", "SPM|1|" + "S" * 900 + "|", ("SPM", "2", "102")),
        ("PV1|1|I|", "PV1|1|I|" + "W" * 4000 + "|", ("PV1", "3", "102")),
        ("||FROTTIS^Frottis", "||FROTTIS^" + "F" * 500, ("OBR", "4", "102")),
        ("|4.2|", "|4." + "2" * 40 + "|", ("OBX", "5", "102")),
        ("|4.2|", "|" + "x" * 100_000 + "|", ("OBX", "5", "102")),
        ("|26464-8^", "|" + "2" * 30 + "^", ("OBX", "3", "102")),
        ("|10*9/L^", "|" + "L" * 300 + "^", ("OBX", "6", "102")),
        ("|SIMLIS|HOSPITAL", "|SIMLIS|" + "H" * 300, ("MSH", "4", "102")),
        ("||19", "~" + "A^B~" * 200 + "||19", ("PID", "5", "102")),
    ],
)
def test_a_field_longer_than_its_type_is_refused_by_place(order, gateway, clock, part, long, place):
    message = oml(clock, haemogram=LEUKOCYTES)
    if part == "||19":
        part, long = (
            f"||{fictitious_patient('P100').born}",
            long.replace("||19", f"||{fictitious_patient('P100').born}"),
        )
    assert message.count(part) == 1
    assert order(message.replace(part, long)) == ("AE", [place])
    assert gateway.events() == []


def test_a_name_longer_than_its_type_is_refused_without_repeating_it(gateway, clock):
    family = fictitious_patient("P100").family
    (answer,) = gateway.server._answer(Frame(oml(clock).replace(family, family * 300).encode()))
    assert b"MSA|AE|M1" in answer
    assert family.encode() not in answer


def test_more_faults_than_a_person_mends_are_not_all_named(order, clock):
    head, group = oml(clock).split("ORC|", 1)
    code, errors = order(head + "ORC|ZZ|\r" * 500)
    assert (code, len(errors)) == ("AE", 100)
    assert group


class Watched(Segment):
    """A segment that counts how often it is looked at."""

    looks = 0

    def __getattribute__(self, name: str) -> object:
        if name == "name":
            Watched.looks += 1
        return super().__getattribute__(name)


def test_grouping_looks_at_each_segment_as_often_whatever_the_length_of_the_message():
    def looks(orders: int) -> int:
        content = "MSH|^~\\&|A|B\r" + "".join(f"ORC|NW|P{n}\rOBR|1\rOBX|1\r" for n in range(orders))
        message = Message(tuple(Watched(s.name, s.fields) for s in parse(content).segments))
        Watched.looks = 0
        assert len(groups_of(message)) == orders
        return Watched.looks

    assert looks(600) < 2.1 * looks(300)


@pytest.mark.parametrize("mark", ["|", "~", "^", "&"])
def test_a_message_of_nothing_but_delimiters_is_refused_before_it_is_taken_apart(order, clock, mark):
    started = time.process_time()
    assert order(oml(clock) + "ZZZ|" + mark * 900_000 + "\r") == ("AE", [("", "", "207")])
    assert time.process_time() - started < 2.0
