"""The scanner beside Frottis: it copies the slide in a thread of its own, and its failure ends the demonstration."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TypeAlias

from services.embedded.demo.errors import DemonstrationFailed
from services.embedded.demo.place import writing
from services.simulator.errors import ScannerError
from services.simulator.scanner import deliver, paced

# What a share over the laboratory's network takes; slow enough to see files grow.
BYTES_PER_S = 6e6

# Raises DemonstrationFailed once the scanner has failed.
Check: TypeAlias = Callable[[], None]


@contextmanager
def scanning(slide: Path, share: Path) -> Iterator[Check]:
    """Within, the slide is copied onto the share; on leaving, the scanner stops."""
    stop = Event()
    with ThreadPoolExecutor(1, "scanner") as thread:
        copy = thread.submit(_copy, slide, share, stop)

        def check() -> None:
            if copy.done():
                copy.result()

        try:
            yield check
        finally:
            stop.set()


def _copy(slide: Path, share: Path, stop: Event) -> None:
    try:
        with writing(share):
            for _ in paced(deliver(slide, share), BYTES_PER_S):
                if stop.is_set():
                    return
    except ScannerError as error:
        raise DemonstrationFailed(f"the scanner failed: {error}") from error
