"""`frottis run`: the embedded service, until it is told to stop or has nothing left to do."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from services.embedded.assembly import Options, assemble
from services.embedded.idle import awaited
from services.embedded.worklist import open_worklist
from services.kit.process import Process, stopped_by_signals
from services.review.worklist import Worklist

LOOK_EVERY_S = 0.5


@contextmanager
def running(options: Options) -> Iterator[tuple[Process, Worklist]]:
    """Frottis at work on its state folder, and its worklist. Raises StateInUse, SettingsError, a defect."""
    process = assemble(options)
    try:
        process.start()
        with open_worklist(options.state) as worklist:
            yield process, worklist
    finally:
        process.close()


def run(options: Options, announce: Callable[[Process], None]) -> None:
    """Work until SIGINT or SIGTERM."""
    stop = threading.Event()
    with stopped_by_signals(stop), running(options) as (process, _):
        announce(process)
        while not (stop.is_set() or process.runner.stopping.is_set()):
            stop.wait(LOOK_EVERY_S)


def run_until_idle(options: Options, announce: Callable[[Process], None], tell: Callable[[str], None]) -> bool:
    """Work until every scan on the share has ended; False where SIGINT or SIGTERM came before.

    `tell` is called with what is waited for, once for each thing as it changes.
    """
    stop = threading.Event()
    told: Sequence[str] = ()
    with stopped_by_signals(stop), running(options) as (process, worklist):
        announce(process)
        while not (stop.is_set() or process.runner.stopping.is_set()):
            checks = process.services["ingestion"].readiness.values()
            unready = [why for check in checks if (why := check()) is not None]
            waited_for = unready or awaited(options.share, worklist, process.transport)
            if not waited_for:
                return True
            for line in waited_for:
                if line not in told:
                    tell(line)
            told = waited_for
            stop.wait(LOOK_EVERY_S)
    return False
