"""Texts of others (names of files, reasons, rules) on a person's terminal or in a pipe, as they are."""

from rich.console import Console
from rich.markup import escape

# What reads a pipe finds a text whole: no line of ours is ever as long.
_UNBROKEN = 1 << 16


def console() -> Console:
    """Standard output; lines are broken, and tables narrowed, for a terminal alone."""
    made = Console(emoji=False)
    return made if made.is_terminal else Console(emoji=False, width=_UNBROKEN)


def printable(text: str) -> str:
    """The text with what is no printable character in escapes: a file name may hold what a terminal would obey."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shown(text: str) -> str:
    """The text for a console that reads markup: brackets in it are brackets."""
    return escape(printable(text))
