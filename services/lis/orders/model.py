"""What an OML^O21 asks for."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.kit.clock import to_timestamp
from services.kit.contracts import Analyte, Order, Priority
from services.lis.hl7.faults import Location
from services.lis.hl7.segments import Segment


class Action(StrEnum):
    """ORC-1 (HL7 v2.5.1 table 0119), as far as it concerns us."""

    PLACE = "NW"
    CHANGE = "XO"
    CANCEL = "CA"


@dataclass(frozen=True)
class Placer:
    """The placer order number (EI): what the LIS knows its order by."""

    number: str
    namespace: str = ""

    @property
    def order_id(self) -> str:
        """The name of the order outside this service; tells nothing of the LIS's numbering."""
        digest = hashlib.sha256(f"{self.namespace}\n{self.number}".encode()).hexdigest()
        return f"order-{digest[:20]}"


@dataclass(frozen=True)
class Analysed:
    """The analyser's haemogram: (LOINC code, value, UCUM unit) of what was read, and the codes of what could not be."""

    results: tuple[tuple[str, float, str], ...] = ()
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """What the other services are told of an order."""

    specimen: str
    priority: Priority.ValueType
    ordered_at: datetime
    # 0 leaves it to the laboratory's setting.
    leukocytes: int = 0
    haemogram: Analysed = Analysed()

    def message(self, order_id: str, *, cancelled: bool) -> Order:
        """The order as the other services see it: no patient."""
        return Order(
            order_id=order_id,
            specimen=self.specimen,
            priority=self.priority,
            ordered_at=to_timestamp(self.ordered_at),
            leukocytes_wanted=self.leukocytes,
            haemogram=[Analyte(loinc=code, value=value, unit=unit) for code, value, unit in self.haemogram.results],
            haemogram_unread=self.haemogram.unread,
            cancelled=cancelled,
        )


@dataclass(frozen=True)
class OrderRequest:
    """One ORC group of a message. `echo`: the segments that a report repeats (PID, PV1, ORC, OBR, TQ1, SPM)."""

    action: Action
    placer: Placer
    wanted: Wanted
    echo: tuple[Segment, ...]
    # Where the message says so (ORC-1), for an answer that refuses it.
    place: Location

    @property
    def patient(self) -> Segment:
        """The PID, which every request has."""
        return next(segment for segment in self.echo if segment.name == "PID")


@dataclass(frozen=True)
class Standing:
    """An order as it stands: as the other services know it, and the segments that a report repeats."""

    order: Order
    echo: tuple[Segment, ...]

    def segment(self, name: str) -> Segment:
        """The order's segment of that name; an empty one when the LIS sent none."""
        return next((segment for segment in self.echo if segment.name == name), Segment(name, ()))
