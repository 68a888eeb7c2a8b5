"""`python -m stack.chaos`: kills, freezes, full disks and a hostile LIS while slides flow, and what came of it.

Exit codes: 0 nothing lost, doubled or wrong · 1 something was, or a part failed · 4 a server cannot be had here ·
130 interrupted.
"""

import argparse
import logging
import shutil
import sys
from pathlib import Path

from rich.console import Console

from services.kit.errors import FrottisError
from services.kit.telemetry import configure_logging
from stack.chaos.campaign import Campaign, campaign
from stack.chaos.run import NotHealed
from stack.interrupts import interrupted_by_signals
from stack.missing import ServerMissing
from stack.processes import ServerFailed


def main() -> int:
    """Run it; returns the exit code."""
    options = _options()
    console = Console()
    configure_logging(level=logging.CRITICAL)
    shutil.rmtree(options.out, ignore_errors=True)
    wanted = Campaign(options.out.resolve(), options.seed, options.slides, options.kills)
    try:
        with interrupted_by_signals():
            return 0 if campaign(wanted, console) else 1
    except KeyboardInterrupt:
        console.print("interrupted: everything is stopped")
        return 130
    except ServerMissing as missing:
        console.print(f"the stack cannot run here: {missing}", markup=False)
        return 4
    except (NotHealed, ServerFailed, FrottisError) as failure:
        console.print(str(failure), markup=False)
        return 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m stack.chaos", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out/chaos"), help="folder for all that it makes")
    parser.add_argument("--seed", type=int, default=1, help="seed of the faults")
    parser.add_argument("--slides", type=int, default=10, help="slides that flow meanwhile")
    parser.add_argument("--kills", type=int, default=60, help="processes to kill; other faults come beside them")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
