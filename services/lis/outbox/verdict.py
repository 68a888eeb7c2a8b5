"""What an answer of the LIS means for the message that it answers (HL7 v2.5.1 §2.9.2, table 0008)."""

from dataclasses import replace
from datetime import datetime, timedelta

from services.kit.contracts import Reason
from services.lis.hl7.answer import Answer
from services.lis.outbox.entry import ACKNOWLEDGED, REJECTED, SENDING, Entry


def judge(entry: Entry, answer: Answer, at: datetime, patience: timedelta) -> Entry:
    """The entry after `answer`, heard at `at`; the same object when the answer changes nothing.

    AA and CA accept it. AE and CE stop it: its content is at fault. AR and CR stop it when MSH-9, 11 or 12 is at
    fault, and otherwise ask for the same message later. That is done until its deadline, and for `patience` from the
    first such answer on: a LIS in maintenance takes the message when it is back.
    """
    if entry.state == ACKNOWLEDGED:
        return _after_acceptance(entry, answer)
    if entry.state == REJECTED:
        return entry
    if answer.accepted:
        return replace(entry, state=ACKNOWLEDGED, code=answer.code, reason=Reason())
    if answer.code in ("AR", "CR") and not answer.header_fault:
        return _refused(entry, answer, at, patience)
    return _rejected(entry, answer)


def _refused(entry: Entry, answer: Answer, at: datetime, patience: timedelta) -> Entry:
    # A clock that was set back since makes no time below nothing.
    since = min(entry.refused or at, at)
    refused = replace(entry, refusals=entry.refusals + 1, refused=since)
    if at >= max(since + patience, entry.deadline):
        asked = f", {refused.refusals} times in {(at - since).total_seconds() / 60:.0f} min"
        return _rejected(refused, answer, asked)
    again = Reason(code="lis_postponed", text=f"The LIS answered {answer.code}: the message is sent again later.")
    return replace(refused, state=SENDING, reason=again)


def _after_acceptance(entry: Entry, answer: Answer) -> Entry:
    """CA says that the message is stored; the application may still refuse it. AA is the last word."""
    if entry.code != "CA" or answer.code.startswith("C"):
        return entry
    return replace(entry, code=answer.code) if answer.accepted else _rejected(entry, answer)


def _rejected(entry: Entry, answer: Answer, asked: str = "") -> Entry:
    codes = f" ({', '.join(answer.fault_codes)})" if answer.fault_codes else ""
    text = f"The LIS answered {answer.code}{codes} to the report{asked}: a person must look why and report another way."
    return replace(entry, state=REJECTED, code=answer.code, reason=Reason(code="lis_rejected", text=text))
