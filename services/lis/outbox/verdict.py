"""What an answer of the LIS means for the message that it answers (HL7 v2.5.1 §2.9.2, table 0008)."""

from dataclasses import replace

from services.kit.contracts import Reason
from services.lis.hl7.answer import Answer
from services.lis.outbox.entry import ACKNOWLEDGED, REJECTED, SENDING, Entry


def judge(entry: Entry, answer: Answer, refusals_allowed: int) -> Entry:
    """The entry after `answer`; the same object when the answer changes nothing.

    AA and CA accept it. AE and CE stop it: its content is at fault. AR and CR stop it when MSH-9, 11 or 12 is at
    fault, and otherwise ask for the same message later, which is done so many times and no more.
    """
    if entry.state == ACKNOWLEDGED:
        return _after_acceptance(entry, answer)
    if entry.state == REJECTED:
        return entry
    if answer.accepted:
        return replace(entry, state=ACKNOWLEDGED, code=answer.code, reason=Reason())
    if answer.code in ("AR", "CR") and not answer.header_fault and entry.refusals < refusals_allowed:
        again = Reason(code="lis_refused", text=f"The LIS answered {answer.code}: the message is sent again later.")
        return replace(entry, refusals=entry.refusals + 1, state=SENDING, reason=again)
    return _rejected(entry, answer)


def _after_acceptance(entry: Entry, answer: Answer) -> Entry:
    """CA says that the message is stored; the application may still refuse it. AA is the last word."""
    if entry.code != "CA" or answer.code.startswith("C"):
        return entry
    return replace(entry, code=answer.code) if answer.accepted else _rejected(entry, answer)


def _rejected(entry: Entry, answer: Answer) -> Entry:
    codes = f" ({', '.join(answer.fault_codes)})" if answer.fault_codes else ""
    text = f"The LIS answered {answer.code}{codes} to the report: a person must look why and report another way."
    return replace(entry, state=REJECTED, code=answer.code, reason=Reason(code="lis_rejected", text=text))
