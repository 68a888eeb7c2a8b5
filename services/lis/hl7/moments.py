"""Points in time as HL7 writes them: TS/DTM, YYYY[MM[DD[HH[MM[SS[.S…]]]]]][+/-ZZZZ] (HL7 v2.5.1 §2.A.22)."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

_TS = re.compile(r"(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?(?:\.\d{1,4})?([+-]\d{4})?")


def write_moment(moment: datetime) -> str:
    """An aware moment to the second, in UTC with its offset written, so that no receiver has to guess."""
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M%S+0000")


def read_moment(text: str, zone: tzinfo) -> datetime | None:
    """The aware UTC moment; a text without offset is taken in `zone`. None for what is no point in time."""
    found = _TS.fullmatch(text)
    if not found:
        return None
    year, month, day, hour, minute, second = (int(part) if part else None for part in found.groups()[:6])
    try:
        offset = _offset(found[7]) if found[7] else zone
        local = datetime(year or 0, month or 1, day or 1, hour or 0, minute or 0, second or 0, tzinfo=offset)
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _offset(text: str) -> tzinfo:
    span = timedelta(hours=int(text[1:3]), minutes=int(text[3:5]))
    return timezone(-span if text[0] == "-" else span)
