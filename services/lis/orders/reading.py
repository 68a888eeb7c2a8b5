"""From an OML^O21 to what it asks for. Every fault of a message is found before it is refused."""

import re
from collections.abc import Callable, Iterable
from datetime import datetime, tzinfo
from typing import Any

from services.kit.contracts import Priority
from services.lis.hl7.faults import Fault, Refused, refuse
from services.lis.hl7.message import Message
from services.lis.hl7.moments import read_moment
from services.lis.hl7.segments import Segment
from services.lis.orders.grouping import Group, groups_of, patient_of
from services.lis.orders.haemogram import haemogram, leukocytes_wanted
from services.lis.orders.model import Action, OrderRequest, Placer, Wanted

# RO and RP place again what was placed; SN asks us to number it ourselves, which a placer number makes needless.
_ACTIONS = {
    "NW": Action.PLACE,
    "SN": Action.PLACE,
    "XO": Action.CHANGE,
    "RO": Action.CHANGE,
    "RP": Action.CHANGE,
    "CA": Action.CANCEL,
    "OC": Action.CANCEL,
    "DC": Action.CANCEL,
}
_ECHOED_IN_GROUP = ("ORC", "OBR", "TQ1", "SPM")
# The length of an identifier component (HL7 v2.5.1 chapter 2A, EI.1).
_LONGEST_NUMBER = 199
_SPECIMEN = re.compile(r"[!-~]{1,64}")


def read_orders(message: Message, received_at: datetime, zone: tzinfo) -> list[OrderRequest]:
    """Every order of the message. Raises Refused (AE) with all its faults; then none of its orders counts."""
    pid = patient_of(message)
    patient = (pid, *list(message.named("PV1"))[:1])
    faults: list[Fault] = []
    requests: list[OrderRequest] = []
    moment = read_moment(message.header.text(7), zone) or received_at
    for group in groups_of(message):
        try:
            requests.append(_request(group, patient, moment, zone))
        except Refused as refused:
            faults.extend(refused.faults)
    if faults:
        raise refuse("AE", *faults)
    return requests


def _request(group: Group, patient: tuple[Segment, ...], sent_at: datetime, zone: tzinfo) -> OrderRequest:
    action, placer, specimen, leukocytes = _all(
        lambda: _action(group), lambda: _placer(group), lambda: _specimen(group), lambda: leukocytes_wanted(group)
    )
    ordered_at = read_moment(group.orc.text(9), zone) or sent_at
    wanted = Wanted(specimen, _priority(group), ordered_at, leukocytes, haemogram(group))
    echo = [segment for name in _ECHOED_IN_GROUP for segment in list(group.named(name))[:1]]
    return OrderRequest(action, placer, wanted, (*patient, *echo), group.place("ORC", 1))


def _all(*reads: Callable[[], Any]) -> list[Any]:
    """What every read gives. Raises Refused with the faults of all that fail."""
    results: list[Any] = []
    faults: list[Fault] = []
    for read in reads:
        try:
            results.append(read())
        except Refused as refused:
            faults.extend(refused.faults)
    if faults:
        raise refuse("AE", *faults)
    return results


def _action(group: Group) -> Action:
    action = _ACTIONS.get(group.orc.text(1))
    if action is None:
        raise refuse("AE", Fault("103", group.place("ORC", 1), f"order control codes taken: {', '.join(_ACTIONS)}"))
    return action


def _placer(group: Group) -> Placer:
    """ORC-2, or OBR-2 as older systems have it."""
    source = group.orc if group.orc.text(2) else group.first("OBR")
    number = source.text(2)
    if not number or len(number) > _LONGEST_NUMBER:
        fault = Fault("101", group.place("ORC", 2), "an order needs a placer order number (ORC-2 or OBR-2)")
        raise refuse("AE", fault)
    return Placer(number, source.text(2, 2))


def _specimen(group: Group) -> str:
    number = next(filter(None, _specimen_numbers(group)), "")
    if not _SPECIMEN.fullmatch(number):
        text = "an order needs the specimen number of tube and slide: up to 64 ASCII characters, no blanks"
        raise refuse("AE", Fault("101", group.place("SPM", 2), text))
    return number


def _specimen_numbers(group: Group) -> Iterable[str]:
    """Where laboratories put the number of the barcode, the most explicit place first."""
    spm = group.first("SPM")
    yield spm.text(2, 1)
    yield spm.text(2, 2)
    yield group.first("SAC").text(3)
    yield group.first("OBR").text(3)
    yield group.orc.text(3)


def _priority(group: Group) -> Priority.ValueType:
    """S (stat) from TQ1-9, or where v2.4 had it: ORC-7.6, OBR-27.6, OBR-5. Anything else is routine."""
    obr = group.first("OBR")
    said = (group.first("TQ1").text(9), group.orc.text(7, 6), obr.text(27, 6), obr.text(5))
    first = next(filter(None, said), "R")
    return Priority.PRIORITY_STAT if first.upper() in ("S", "STAT") else Priority.PRIORITY_ROUTINE
