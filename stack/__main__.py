"""`python -m stack`: the demonstration slide's way through Frottis as a hospital runs it, on this machine.

Exit codes: 0 acknowledged · 1 a server or service failed · 4 a server cannot be had here · 130 interrupted.
"""

import argparse
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from services.embedded.assembly import Address
from services.embedded.demo import Engine, demonstrate
from services.kit.errors import FrottisError
from services.kit.telemetry import configure_logging
from stack.deployment import Deployment
from stack.interrupts import interrupted_by_signals
from stack.missing import ServerMissing
from stack.processes import ServerFailed


def main() -> int:
    """Run it; returns the exit code."""
    options = _options()
    console = Console()
    configure_logging(level=logging.ERROR)

    @contextmanager
    def start(share: Path, lis: Address) -> Iterator[Engine]:
        deployment = Deployment(options.out.resolve() / "state", share, lis)
        with deployment.running(lambda line: console.print(line, highlight=False)) as engine:
            yield engine

    try:
        with interrupted_by_signals():
            demonstrate(options.out.resolve(), options.seed, console, start)
    except KeyboardInterrupt:
        console.print("interrupted: everything is stopped")
        return 130
    except ServerMissing as missing:
        console.print(f"the stack cannot run here: {missing}", markup=False)
        return 4
    except (ServerFailed, FrottisError) as failure:
        console.print(str(failure), markup=False)
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m stack", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out/stack"), help="folder for all that it makes")
    parser.add_argument("--seed", type=int, default=1, help="seed of the made-up slide")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
