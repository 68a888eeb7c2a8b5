"""Entry of the `frottis` command: errors become one sentence and an exit code, never a traceback."""

import sys

import typer

from services.embedded.cli import app
from services.embedded.lock import StateInUse
from services.embedded.worklist import NoReport, NoState
from services.ingestion.slides.errors import SlideError
from services.kit.errors import FrottisError, SettingsError

# By class, the most particular first.
EXIT_BY_ERROR: tuple[tuple[type[Exception], int], ...] = (
    (StateInUse, 5),
    (NoState, 4),
    (NoReport, 4),
    (SettingsError, 2),
    (SlideError, 3),
    (FrottisError, 3),
    (OSError, 3),
)


def main() -> None:
    """Run the command line and exit with its code; wrong usage is told by the command line itself (exit code 2)."""
    try:
        app()
    except tuple(kind for kind, _ in EXIT_BY_ERROR) as error:
        typer.echo(f"frottis: {error}", err=True)
        sys.exit(next(code for kind, code in EXIT_BY_ERROR if isinstance(error, kind)))


if __name__ == "__main__":
    main()
