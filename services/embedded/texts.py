"""Texts of others (names of files, reasons, rules) on a person's terminal or in a pipe, as they are."""

from rich.console import Console
from rich.markup import escape


def console() -> Console:
    """Standard output."""
    return Console(emoji=False)


def printable(text: str) -> str:
    """The text with what is no printable character in escapes: a file name may hold what a terminal would obey."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shown(text: str) -> str:
    """The text for a console that reads markup: brackets in it are brackets."""
    return escape(printable(text))
