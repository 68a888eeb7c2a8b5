"""MSH-18: how a message's bytes become text (HL7 v2.5.1 table 0211)."""

from typing import NamedTuple

from services.lis.hl7.faults import Fault, Location, refuse

# What an empty MSH-18 is read as when it is not UTF-8: French laboratory systems write ISO 8859-1 without saying so.
UNDECLARED = "iso8859-1"
_CODECS = {
    "ASCII": "ascii",
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    **{f"8859/{part}": f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)},
}
_DECLARED_AT = Location("MSH", 1, 18)


class Decoded(NamedTuple):
    """The text of a message, and Python's name of the character set that it came in."""

    text: str
    codec: str


def decode(content: bytes) -> Decoded:
    """The text of a message. Raises Refused (AE) when MSH-18 names no known charset or the bytes are not in it."""
    declared = _declared(content)
    if not declared:
        return _undeclared(content)
    if declared not in _CODECS:
        raise refuse("AE", Fault("103", _DECLARED_AT, f"known character sets are {', '.join(_CODECS)}"))
    codec = _CODECS[declared]
    try:
        return Decoded(content.decode(codec), codec)
    except UnicodeDecodeError as error:
        fault = Fault("102", _DECLARED_AT, f"byte {error.start} is not {declared}: declare the set that is used")
        raise refuse("AE", fault) from None


def _declared(content: bytes) -> str:
    header = content.split(b"\r", 1)[0].decode("latin-1")
    fields = header.split(header[3]) if len(header) > 3 else []
    return fields[17].split("~")[0].strip().upper() if len(fields) > 17 else ""


def _undeclared(content: bytes) -> Decoded:
    try:
        return Decoded(content.decode("utf-8"), "utf-8")
    except UnicodeDecodeError:
        return Decoded(content.decode(UNDECLARED), UNDECLARED)
