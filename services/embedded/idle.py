"""When a share has nothing left to do."""

from pathlib import Path

from services.ingestion.share import ShareUnreachable, find_scans
from services.kit.transport import Transport
from services.review.worklist import Worklist


def idle(share: Path, worklist: Worklist, transport: Transport) -> bool:
    """Every scan on the share has ended, the LIS has answered for each, and no message is under way."""
    try:
        found = {scan.name for scan in find_scans(share)}
    except ShareUnreachable:
        return False
    entries = {entry.scan: entry for entry in worklist.entries()}
    here = [entries[name] for name in found if name in entries]
    ended = all(entry.standing.state.ended and entry.delivered for entry in here)
    return len(here) == len(found) and ended and not transport.waiting()
