"""Orders of the simulated LIS, for patients who do not exist."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.simulator.lis.er7 import escaped

_FAMILIES = ("EXEMPLE", "FICTIF", "MODELE", "PAPIER", "SPECIMEN")
_SENDER = "MSH|^~\\&|SIMLIS|HOSPITAL|FROTTIS|LABORATORY"
_GIVEN = ("Adele", "Basile", "Colette", "Desire", "Eugenie")


@dataclass(frozen=True)
class Patient:
    """A fictitious person. `born` is YYYYMMDD, `sex` of table 0001."""

    identifier: str
    family: str
    given: str
    born: str
    sex: str

    @property
    def pid(self) -> str:
        """The PID segment."""
        name = f"{escaped(self.family)}^{escaped(self.given)}"
        return f"PID|1||{escaped(self.identifier)}^^^SIMULATOR^PI||{name}||{self.born}|{self.sex}"


@dataclass(frozen=True)
class HaemogramLine:
    """One result of the analyser: LOINC code, its name, value and UCUM unit."""

    loinc: str
    name: str
    value: float
    unit: str

    @property
    def obx(self) -> str:
        """The OBX segment from its second field on."""
        return f"NM|{self.loinc}^{escaped(self.name)}^LN||{self.value:g}|{escaped(self.unit)}^^UCUM|||||F"


def fictitious_patient(seed: str) -> Patient:
    """Always the same person for the same seed."""
    dice = random.Random(seed)
    born = f"{dice.randint(1930, 2015)}{dice.randint(1, 12):02}{dice.randint(1, 28):02}"
    number = f"FICT{dice.randint(0, 10**8 - 1):08}"
    return Patient(number, dice.choice(_FAMILIES), dice.choice(_GIVEN), born, dice.choice("FM"))


def order_message(
    specimen: str,
    *,
    placer: str,
    patient: Patient,
    at: datetime,
    control_id: str,
    control: str = "NW",
    stat: bool = False,
    leukocytes: int | None = None,
    haemogram: Sequence[HaemogramLine] = (),
) -> bytes:
    """An OML^O21 for a blood smear. `at` is aware; `control` is ORC-1."""
    moment = at.strftime("%Y%m%d%H%M%S%z")
    observations = [line.obx for line in haemogram]
    if leukocytes is not None:
        observations.append(f"NM|WBC-DIFF-COUNT^Leukocytes to differentiate^99FROTTIS||{leukocytes}||||||F")
    lines = [
        f"{_SENDER}|{moment}||OML^O21^OML_O21|{control_id}|P|2.5.1||||||UNICODE UTF-8",
        patient.pid,
        "PV1|1|I|HEMATO^101^1",
        f"ORC|{control}|{escaped(placer)}^SIMLIS|||||||{moment}",
        f"TQ1|1||||||||{'S' if stat else 'R'}",
        f"OBR|1|{escaped(placer)}^SIMLIS||FROTTIS^Frottis sanguin^L",
        *(f"OBX|{number}|{rest}" for number, rest in enumerate(observations, 1)),
        f"SPM|1|{escaped(specimen)}||BLD^Whole blood^HL70487",
    ]
    return "".join(f"{line}\r" for line in lines).encode("utf-8")
