"""How long what a report says in words may be.

NTE-3 and OBX-5 take 65536 characters (FT, TX; HL7 v2.5.1 §2.A.31, §2.A.79), and laboratory systems show and keep far
fewer. Free text is cut with an ellipsis, so that the reader sees that there was more; what identifies or measures is
never cut: the report is not sent instead.
"""

from collections.abc import Sequence

from services.lis.errors import NotExpressible

LONGEST_LINE = 1000
MOST_LINES = 200
MOST_OBSERVATIONS = 300
# ST and NM (HL7 v2.5.1 §2.A.75, §2.A.47).
LONGEST_NAME, LONGEST_NUMBER = 199, 16


def clipped(text: str, longest: int = LONGEST_LINE) -> str:
    """Free text, cut where it is too long."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def lines_of(texts: Sequence[str]) -> list[str]:
    """Free texts as lines without the empty ones; what is too much is counted in the last."""
    lines = [clipped(line) for text in texts for line in text.splitlines() if line.strip()]
    if len(lines) <= MOST_LINES:
        return lines
    more = len(lines) - MOST_LINES + 1
    return [*lines[: MOST_LINES - 1], f"… {more} further lines are in the report that Frottis keeps."]


def whole(text: str, what: str, longest: int = LONGEST_NAME) -> str:
    """`text`, which may not be cut. Raises NotExpressible when it is too long."""
    if len(text) > longest:
        raise NotExpressible(f"{what} is longer than {longest} characters: the report is not sent")
    return text
