"""What a person sees while a slide is under way."""

from rich.console import Console

from services.kit.process import Process
from services.review.worklist import Entry, Worklist

LOOK_EVERY_S = 0.3


def follow(process: Process, worklist: Worklist, scan: str, console: Console) -> Entry:
    """Show where the scan is until it has ended and the LIS has answered; returns its last entry.

    Raises what a service failed of, when one does.
    """
    shown = ""
    with console.status("the scanner copies the slide onto the share …") as line:
        while not process.runner.stopping.wait(LOOK_EVERY_S):
            entry = next((entry for entry in worklist.entries() if entry.scan == scan), None)
            if entry is None:
                continue
            if entry.standing.state.ended and entry.delivered:
                return entry
            line.update(_line(entry, process))
            if entry.standing.state != shown:
                shown = entry.standing.state
                console.print(f"{shown}: {entry.standing.text or 'under way'}")
    process.close()
    raise RuntimeError("Frottis stopped before the slide ended")


def _line(entry: Entry, process: Process) -> str:
    waiting = {topic: count for (_, topic), count in sorted(process.log.waiting().items())}
    queues = ", ".join(f"{count} {topic}" for topic, count in waiting.items())
    return f"{entry.standing.state}: {entry.standing.text or ''} {f'({queues} waiting)' if queues else ''}"
