"""When a share has nothing left to do, and what it waits for until then."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from services.ingestion.share import ShareUnreachable, find_scans
from services.kit.transport import Transport
from services.review.worklist import Entry, Worklist


def awaited(share: Path, worklist: Worklist, transport: Transport) -> Sequence[str]:
    """What is waited for, a line each, for a person; none when idle.

    Idle means: every scan on the share has ended, the LIS has answered for each, and no message is under way. A slide
    whose specimen has no order has not ended.
    """
    try:
        found = [scan.name for scan in find_scans(share)]
    except ShareUnreachable as error:
        return [str(error)]
    entries = {entry.scan: entry for entry in worklist.entries()}
    lines = [line for name in found for line in _line(name, entries.get(name))]
    return lines or (["messages under way"] if transport.waiting() else [])


def _line(name: str, entry: Entry | None) -> Iterator[str]:
    if entry is None:
        yield f"{name}: not looked at yet"
    elif not entry.standing.state.ended:
        why = f" ({entry.standing.text})" if entry.standing.text else ""
        yield f"{name}: {entry.standing.state}{why}"
    elif not entry.delivered:
        yield f"{name}: {entry.standing.state}, and the LIS has not acknowledged it yet"
