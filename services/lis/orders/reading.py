"""From an OML^O21 to what it asks for. Every fault of a message is found before it is refused."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, tzinfo
from functools import partial
from typing import Any

from services.kit.contracts import Priority
from services.kit.specimens import is_specimen_number
from services.lis.hl7.faults import Fault, Location, Refused, refuse
from services.lis.hl7.message import Message
from services.lis.hl7.moments import read_moment
from services.lis.hl7.segments import Segment
from services.lis.orders.grouping import Group, groups_of, patient_of
from services.lis.orders.haemogram import haemogram, leukocytes_wanted
from services.lis.orders.limits import overlong
from services.lis.orders.model import Action, OrderRequest, Placer, Wanted

# Table 0119 as far as it concerns a smear. SN asks us to number the order, which a placer number makes needless. RP
# names an order to be replaced, which is treated as cancelled, and comes with its replacement, RO (v2.5.1 §4.5.1.1).
_ACTIONS = {
    "NW": Action.PLACE,
    "SN": Action.PLACE,
    "XO": Action.CHANGE,
    "RO": Action.CHANGE,
    "CA": Action.CANCEL,
    "OC": Action.CANCEL,
    "DC": Action.CANCEL,
    "RP": Action.CANCEL,
}
_ECHOED_IN_GROUP = ("ORC", "OBR", "TQ1", "SPM")
_MEASURED = (*_ECHOED_IN_GROUP, "OBX", "SAC")
# EI.1 (HL7 v2.5.1 §2.A.28).
_LONGEST_NUMBER = 199


def read_orders(message: Message, received_at: datetime, zone: tzinfo) -> list[OrderRequest]:
    """Every order of the message. Raises Refused (AE) with all its faults; then none of its orders counts."""
    if faults := overlong(message.header, partial(Location, "MSH", 1)):
        raise refuse("AE", *faults)
    patient = patient_of(message)
    groups = groups_of(message)
    _refuse_half_replacement(groups)
    requests: list[OrderRequest] = []
    moment = read_moment(message.header.text(7), zone) or received_at
    for group in groups:
        try:
            requests.append(_request(group, patient, moment, zone))
        except Refused as refused:
            faults.extend(refused.faults)
    if faults:
        raise refuse("AE", *faults)
    return requests


def _request(group: Group, patient: tuple[Segment, ...], sent_at: datetime, zone: tzinfo) -> OrderRequest:
    _refuse_overlong(group)
    action, placer, specimen, leukocytes, analysed = _all(
        lambda: _action(group),
        lambda: _placer(group),
        lambda: _specimen(group),
        lambda: leukocytes_wanted(group),
        lambda: haemogram(group),
    )
    ordered_at = read_moment(group.orc.text(9), zone) or sent_at
    wanted = Wanted(specimen, _priority(group), ordered_at, leukocytes, analysed)
    echo = [segment for name in _ECHOED_IN_GROUP for segment in list(group.named(name))[:1]]
    return OrderRequest(action, placer, wanted, (*patient, *echo), group.place("ORC", 1))


def _refuse_half_replacement(groups: Sequence[Group]) -> None:
    """A replaced order without its replacement would be a cancellation that its sender may not have meant."""
    replaced = next((group for group in groups if group.orc.text(1) == "RP"), None)
    if replaced is not None and all(group.orc.text(1) != "RO" for group in groups):
        text = "RP comes with its replacement (RO); XO changes an order, CA cancels it"
        raise refuse("AE", Fault("100", replaced.place("ORC", 1), text))


def _refuse_overlong(group: Group) -> None:
    """Every segment that is read or kept. Raises Refused (AE)."""
    counts: Counter[str] = Counter()
    faults: list[Fault] = []
    for segment in group.segments:
        counts[segment.name] += 1
        if segment.name in _MEASURED:
            faults += overlong(segment, partial(group.place, segment.name, nth=counts[segment.name]))
    if faults:
        raise refuse("AE", *faults)


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
    if not number:
        fault = Fault("101", group.place("ORC", 2), "an order needs a placer order number (ORC-2 or OBR-2)")
        raise refuse("AE", fault)
    if len(number) > _LONGEST_NUMBER:
        text = f"a placer order number has up to {_LONGEST_NUMBER} characters"
        raise refuse("AE", Fault("102", group.place(source.name, 2, 1), text))
    return Placer(number, source.text(2, 2))


def _specimen(group: Group) -> str:
    number = next(filter(None, _specimen_numbers(group)), "")
    if not is_specimen_number(number):
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
