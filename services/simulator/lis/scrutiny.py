"""What the simulated LIS holds against a report, before it stores it."""

from collections.abc import Iterator, Mapping
from itertools import pairwise

from services.simulator.lis.er7 import segments, value
from services.simulator.lis.orders import Patient

_STATUS = {"P", "F", "C", "I"}
_OBX_STATUS = {"P", "F", "C", "X"}
_FOLLOWS = {
    "MSH": {"PID"},
    "PID": {"PV1", "ORC"},
    "PV1": {"ORC"},
    "ORC": {"OBR"},
    "OBR": {"NTE", "TQ1", "OBX", "SPM"},
    "NTE": {"NTE", "TQ1", "OBX", "SPM"},
    "TQ1": {"OBX", "SPM"},
    "OBX": {"NTE", "OBX", "SPM"},
    "SPM": set(),
}


def problems(content: bytes, patients: Mapping[str, Patient]) -> list[str]:
    """Everything wrong with an ORU^R01. `patients`: whom each placer order number is for; empty checks no patient.

    Raises ValueError for what is no HL7.
    """
    rows = segments(content)
    return [*_header(rows[0]), *_order_of(rows), *_identity(rows, patients), *_results(rows)]


def _header(msh: list[str]) -> Iterator[str]:
    if (value(msh, 9, 1), value(msh, 9, 2), value(msh, 9, 3)) != ("ORU", "R01", "ORU_R01"):
        yield "MSH-9 is not ORU^R01^ORU_R01"
    if value(msh, 12) != "2.5.1" or value(msh, 18) != "UNICODE UTF-8":
        yield "MSH-12 or MSH-18 is not what was agreed"
    if not 0 < len(value(msh, 10)) <= 20:
        yield "MSH-10 is empty or longer than 20 characters"


def _order_of(rows: list[list[str]]) -> Iterator[str]:
    for before, after in pairwise(rows):
        if after[0] not in _FOLLOWS.get(before[0], set()):
            yield f"{after[0]} may not follow {before[0]}"
    if rows[-1][0] != "SPM":
        yield "the specimen is missing"


def _identity(rows: list[list[str]], patients: Mapping[str, Patient]) -> Iterator[str]:
    pid, orc = _first(rows, "PID"), _first(rows, "ORC")
    placer = value(orc, 2)
    if patients and placer not in patients:
        yield "the order is unknown"
    elif patients:
        patient = patients[placer]
        named = (value(pid, 3), value(pid, 5, 1), value(pid, 5, 2), value(pid, 7), value(pid, 8))
        if named != (patient.identifier, patient.family, patient.given, patient.born, patient.sex):
            yield "the patient is not the order's"


def _results(rows: list[list[str]]) -> Iterator[str]:
    obr = _first(rows, "OBR")
    observations = [row for row in rows if row[0] == "OBX"]
    if value(obr, 25) not in _STATUS:
        yield "OBR-25 is missing"
    if value(obr, 25) == "I" and observations:
        yield "there are values in a message that says there are none"
    for number, obx in enumerate(observations, 1):
        if value(obx, 1) != str(number) or not value(obx, 3) or value(obx, 11) not in _OBX_STATUS:
            yield f"OBX {number} lacks its number, code or status"
        if (value(obx, 5) == "") != (value(obx, 11) == "X"):
            yield f"OBX {number} has a status that contradicts its value"


def _first(rows: list[list[str]], name: str) -> list[str]:
    return next((row for row in rows if row[0] == name), [name])
