"""Escaping of text inside HL7 fields (HL7 v2.5.1 §2.7), ours because a CR left in free text forges a segment.

Every delimiter, the escape character and every control character leaves as an escape sequence: nothing that a value
holds can end its field, its segment or its MLLP frame.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Delimiters:
    """MSH-1 and MSH-2 of a message."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"

    @property
    def by_letter(self) -> Mapping[str, str]:
        """What each one-letter escape sequence stands for."""
        return {
            "F": self.field,
            "S": self.component,
            "R": self.repetition,
            "E": self.escape,
            "T": self.subcomponent,
        }


STANDARD = Delimiters()
_LETTERS = {delimiter: letter for letter, delimiter in STANDARD.by_letter.items()}
# Receivers written in languages that treat these as line ends must not see a new line either.
_LINE_ENDS = "\u2028\u2029"


def escape(text: str) -> str:
    """`text` as it may stand in a field under the standard delimiters. `unescape` gives it back, whatever it holds.

    Raises UnicodeEncodeError for a lone surrogate, which is no character.
    """
    return "".join(map(_escaped, text))


def unescape(text: str, delimiters: Delimiters = STANDARD, codec: str = "utf-8") -> str:
    """The text behind an escaped one. Highlighting is dropped; an unknown sequence stays as it is written.

    `codec` is Python's name of the message's character set, which the bytes of hexadecimal sequences are in.
    """
    if delimiters.escape not in text:
        return text
    mark = re.escape(delimiters.escape)
    return re.sub(f"{mark}([^{mark}]*){mark}", lambda found: _resolved(found, delimiters, codec), text)


def _escaped(character: str) -> str:
    letter = _LETTERS.get(character)
    if letter is not None:
        return f"\\{letter}\\"
    if unicodedata.category(character) == "Cc" or character in _LINE_ENDS:
        return f"\\X{character.encode().hex().upper()}\\"
    return character


def _resolved(found: re.Match[str], delimiters: Delimiters, codec: str) -> str:
    sequence = found[1]
    if sequence in delimiters.by_letter:
        return delimiters.by_letter[sequence]
    if sequence in ("H", "N"):
        return ""
    if sequence == ".br":
        return "\n"
    if re.fullmatch(r"X(?:[0-9A-Fa-f]{2})+", sequence):
        return _from_hex(sequence[1:], found[0], codec)
    return found[0]


def _from_hex(digits: str, written: str, codec: str) -> str:
    try:
        return bytes.fromhex(digits).decode(codec)
    except UnicodeDecodeError:
        # Bytes of another charset than the message's: kept as written rather than guessed.
        return written
