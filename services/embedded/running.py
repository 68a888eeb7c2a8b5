"""`frottis run`: the embedded service, until it is told to stop or has nothing left to do."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from services.embedded.assembly import Options, assemble
from services.embedded.idle import idle
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


def run(options: Options, *, until_idle: bool, announce: Callable[[Process], None]) -> None:
    """Work until SIGINT or SIGTERM, or, with `until_idle`, until every scan on the share has ended."""
    stop = threading.Event()
    with stopped_by_signals(stop), running(options) as (process, worklist):
        announce(process)
        while not (stop.is_set() or process.runner.stopping.is_set()):
            looked = all(check() is None for check in process.services["ingestion"].readiness.values())
            if until_idle and looked and idle(options.share, worklist, process.transport):
                return
            stop.wait(LOOK_EVERY_S)
