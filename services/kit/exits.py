"""How a command ends: a failure with a message for a person becomes that sentence and an exit code, no traceback."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from services.kit.dead_letter_rate import TooManyDeadLetters
from services.kit.errors import FrottisError, SettingsError
from services.kit.lock import StateInUse

# By class, the most particular first. A defect of Frottis keeps its traceback and Python's exit code 1.
Codes = Sequence[tuple[type[Exception], int]]
EXIT_CODES: Codes = (
    (StateInUse, 5),
    (TooManyDeadLetters, 1),
    (SettingsError, 2),
    (FrottisError, 3),
    (OSError, 3),
)


@contextmanager
def told(program: str, codes: Codes = EXIT_CODES) -> Iterator[None]:
    """Within, an exception of `codes` is told on standard error and ends the process with its code."""
    try:
        yield
    except tuple(kind for kind, _ in codes) as error:
        sys.stderr.write(f"{program}: {error}\n")
        sys.exit(next(code for kind, code in codes if isinstance(error, kind)))
