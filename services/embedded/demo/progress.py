"""What a person sees while a slide is under way."""

import time

from rich.console import Console

from services.embedded.demo.engine import Engine
from services.embedded.demo.scanner import Check
from services.embedded.texts import shown
from services.review.worklist import Entry

LOOK_EVERY_S = 0.3
# Counting messages is work for a broker, and done on the cores that the slide is read with.
COUNT_EVERY_S = 2.0


def follow(engine: Engine, scan: str, check: Check, console: Console) -> Entry:
    """Show where the scan is until it has ended and the LIS has answered; returns its last entry.

    Raises what Frottis stopped of, when it does, and what `check` of the scanner raises.
    """
    told, queues, counted = "", "", float("-inf")
    with console.status("the scanner copies the slide onto the share …") as line:
        while True:
            engine.wait(LOOK_EVERY_S)
            check()
            entry = next((entry for entry in engine.worklist.entries() if entry.scan == scan), None)
            if entry is None:
                continue
            if entry.standing.state.ended and entry.delivered:
                return entry
            if time.monotonic() - counted >= COUNT_EVERY_S:
                queues, counted = _queues(engine), time.monotonic()
            state, why = entry.standing.state, shown(entry.standing.text)
            line.update(f"{state}: {why} {queues}")
            if state != told:
                told = state
                console.print(f"{state}: {why or 'under way'}")


def _queues(engine: Engine) -> str:
    waiting = {topic: count for (_, topic), count in sorted(engine.waiting().items())}
    queues = ", ".join(f"{count} {topic}" for topic, count in waiting.items())
    return f"({queues} waiting)" if queues else ""
