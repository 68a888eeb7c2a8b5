from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.review.states import Standing, State
from services.review.worklist import Entry
from services.simulator.lis.record import ReceivedReport
from stack.chaos.plan import Kind, Victims, plan
from stack.chaos.slides import Slide, said
from stack.chaos.verdict import Outcome, judged

SLIDE = Slide("c000", "C0000", "ORDER-C0", "film")
VICTIMS = Victims(["kafka", "lis-1", "S3"], ["lis-1"], ["pixels"], ["silent", "ae:0.2"])


def entry(state=State.ACKNOWLEDGED, code="", *, delivered=True):
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return Entry("c000.vsi", "S1", "C0000", Standing(state, code, ""), moment, moment, moment, "", "M1", delivered)


def oru(value="60"):
    lines = ["MSH|^~\\&|A|B|C|D", "OBR|1", f"OBX|1|NM|NEUT^Neutrophils||{value}|%^^UCUM|||||P", "NTE|1|L|60 of 100"]
    return "".join(f"{line}\r" for line in lines).encode()


def message(content=None, control_id="M1", *, stored=True, code="AA"):
    answer = f"MSH|…\nMSA|{code}|{control_id}\n"
    return ReceivedReport(content or oru(), control_id, "ORDER-C0", "C0000", "P", stored, answer=answer)


def outcome(found, *received):
    return judged(SLIDE, found, received, {"film": said(oru())}).outcome


REJECTED = entry(State.HELD, "lis_rejected")


@pytest.mark.parametrize(
    ("found", "received", "expected"),
    [
        (entry(), [message()], Outcome.REPORTED),
        # The same message again is one report.
        (entry(), [message(), message()], Outcome.REPORTED),
        (entry(), [message(), message(control_id="M2")], Outcome.DOUBLED),
        # The same MSH-10 with other content.
        (entry(), [message(), message(oru("61"))], Outcome.DOUBLED),
        (entry(), [message(oru("61"))], Outcome.WRONG),
        (entry(), [], Outcome.LOST),
        (None, [message()], Outcome.LOST),
        (entry(delivered=False), [message()], Outcome.LOST),
        (entry(State.READING), [], Outcome.LOST),
        (REJECTED, [message(stored=False, code="AE")], Outcome.HELD),
        (REJECTED, [message()], Outcome.UNTRUE),
        # Refused, and stored all the same.
        (REJECTED, [message(), message(stored=False, code="AE")], Outcome.UNTRUE),
        # For another patient, or malformed.
        (REJECTED, [replace(message(stored=False, code="AE"), problems=("the patient",))], Outcome.WRONG),
        (entry(State.HELD, "incomplete"), [message(stored=False, code="AE")], Outcome.UNTRUE),
        (entry(State.REFUSED), [], Outcome.LOST),
    ],
)
def test_each_way_to_fail_is_seen(found, received, expected):
    assert outcome(found, *received) is expected


def test_what_is_said_leaves_out_times_and_ids():
    assert said(oru()) == [("NEUT", "60", "%", "P", "60 of 100")]
    assert said(oru().replace(b"60 of 100", b"61 of 101")) != said(oru())


def test_a_plan_is_that_of_its_seed_and_strikes_everything_alike():
    faults = list(plan(7, 60, VICTIMS, 9.0))
    assert faults == list(plan(7, 60, VICTIMS, 9.0)) != list(plan(8, 60, VICTIMS, 9.0))
    assert Counter(fault.target for fault in faults if fault.kind is Kind.KILL) == {"kafka": 20, "lis-1": 20, "S3": 20}
    kinds = Counter(fault.kind for fault in faults)
    assert all(kinds[kind] for kind in Kind)


def test_without_disks_that_can_be_filled_the_rest_is_struck():
    faults = list(plan(7, 60, replace(VICTIMS, disks=[]), 9.0))
    assert Kind.FULL_DISK not in {fault.kind for fault in faults}
    assert len(faults) > 60
