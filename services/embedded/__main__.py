"""Entry of the `frottis` command: errors become one sentence and an exit code, never a traceback."""

from services.embedded.cli import app
from services.embedded.worklist import NoReport, NoState
from services.ingestion.slides.errors import SlideError
from services.kit.exits import EXIT_CODES, told
from services.kit.transport import NoDeadLetter
from services.training.errors import TrainingError


def main() -> None:
    """Run the command line and exit with its code; wrong usage is told by the command line itself (exit code 2)."""
    with told(
        "frottis", ((NoState, 4), (NoReport, 4), (NoDeadLetter, 4), (SlideError, 3), (TrainingError, 3), *EXIT_CODES)
    ):
        app()


if __name__ == "__main__":
    main()
