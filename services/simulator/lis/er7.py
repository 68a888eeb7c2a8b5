"""HL7 text as the simulator reads it: the standard delimiters and nothing else."""

import re

_LETTERS = {"F": "|", "S": "^", "T": "&", "R": "~", "E": "\\"}


def plain(text: str) -> str:
    """Escape sequences resolved."""
    return re.sub(r"\\([^\\]*)\\", _resolve, text)


def escaped(text: str) -> str:
    """`text` for a field; line ends and other control characters as hexadecimal."""
    marks = {mark: f"\\{letter}\\" for letter, mark in _LETTERS.items()}
    return "".join(marks.get(c) or (c if c.isprintable() else f"\\X{c.encode().hex().upper()}\\") for c in text)


def segments(content: bytes) -> list[list[str]]:
    """Segments as lists of fields, still escaped, field n of a segment at n; in MSH, MSH-n at n.

    Raises ValueError for what is no HL7 v2 message in UTF-8.
    """
    lines = content.decode("utf-8").split("\r")
    if lines.pop() != "" or not lines[0].startswith("MSH|^~\\&|"):
        raise ValueError("a message starts with MSH and ends with CR")
    rows = [line.split("|") for line in lines]
    rows[0].insert(1, "|")
    if any(not re.fullmatch(r"[A-Z][A-Z0-9]{2}", row[0]) for row in rows):
        raise ValueError("a line is no segment")
    return rows


def value(row: list[str], field: int, component: int = 1) -> str:
    """A component of a field's first repetition as plain text; empty when absent."""
    text = row[field] if field < len(row) else ""
    parts = text.split("~")[0].split("^")
    return plain(parts[component - 1]) if component <= len(parts) else ""


def _resolve(found: re.Match[str]) -> str:
    sequence = found[1]
    if sequence.startswith("X"):
        return bytes.fromhex(sequence[1:]).decode("utf-8")
    return _LETTERS.get(sequence, found[0])
