"""What a report repeats of its order, so that the LIS recognises it: nothing here is ours."""

from dataclasses import dataclass, replace
from datetime import UTC

from services.lis.hl7.moments import read_moment
from services.lis.hl7.segments import EMPTY, Field, Segment, field_of, segment
from services.lis.orders.model import Standing


@dataclass(frozen=True)
class Echo:
    """The order's fields as they go into the report; EMPTY where the LIS gave none.

    `patient` is PID, and PV1 where the order has one, word for word.
    """

    patient: tuple[Segment, ...]
    placer: Field
    filler: Field
    service: Field
    collected: Field
    provider: Field
    priority: Field
    specimen: Field
    specimen_type: Field


def echo_of(order: Standing) -> Echo:
    """The echo of a known order. PID-1 and PV1-1 count the segments of this message, which holds one of each."""
    orc, obr, spm = order.segment("ORC"), order.segment("OBR"), order.segment("SPM")
    return Echo(
        patient=tuple(s for s in order.echo if s.name in ("PID", "PV1")),
        placer=_first(orc.field(2), obr.field(2)),
        filler=_first(orc.field(3), obr.field(3)),
        service=obr.field(4),
        collected=_moment(obr.field(7)),
        provider=_first(obr.field(16), orc.field(12)),
        priority=order.segment("TQ1").field(9),
        specimen=spm.field(2),
        specimen_type=spm.field(4),
    )


# What the strict checks are made with in place of a LIS's own fields, which are repeated as they came, whatever
# they hold: a birth date of 19800000 is no date, and still the patient's as the LIS knows it.
STAND_IN = Echo(
    patient=(segment("PID", "1", "", "0", "", "X"),),
    placer=field_of("1"),
    filler=EMPTY,
    service=EMPTY,
    collected=EMPTY,
    provider=EMPTY,
    priority=EMPTY,
    specimen=EMPTY,
    specimen_type=EMPTY,
)


def stand_in_for(echo: Echo) -> Echo:
    """The stand-in, with a PV1 where `echo` has one, so that both give the same segments."""
    visit = (segment("PV1", "1", "U"),) if any(s.name == "PV1" for s in echo.patient) else ()
    return replace(STAND_IN, patient=(*STAND_IN.patient, *visit))


def _first(*fields: Field) -> Field:
    return next((field for field in fields if Segment("", (field,)).text(1)), EMPTY)


def _moment(field: Field) -> Field:
    """The field when it holds a point in time: a date is typed in every receiver."""
    return field if read_moment(Segment("", (field,)).text(1), UTC) else EMPTY
