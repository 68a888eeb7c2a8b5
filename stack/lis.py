"""The simulated LIS as a process of its own, with a journal that outlives it."""

import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from services.embedded.assembly import Address
from services.simulator.lis.journal import read_journal
from services.simulator.lis.record import REPORT, ReceivedReport, received
from services.simulator.lis.tally import tally_of
from stack.ports import listens
from stack.processes import ServerProcess

WELL = "normal"


class LisProcess(ServerProcess):
    """Takes reports at `address` and places orders at `orders`. Survives `kill` and `start` on its folder."""

    def __init__(self, folder: Path, address: Address, orders: Address, seed: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._journal = folder / "journal.jsonl"
        self._wishes = folder / "wishes.jsonl"
        self._control = folder / "behaviour"
        self._wishes.touch()
        super().__init__(
            "LIS",
            [
                *(sys.executable, "-m", "services.simulator.lis", "--seed", str(seed)),
                *("--listen", f"{address.host}:{address.port}", "--orders", f"{orders.host}:{orders.port}"),
                *("--journal", self._journal, "--wishes", self._wishes, "--control", self._control),
            ],
            log=folder / "lis.log",
            ready=partial(listens, address.port),
        )

    def order(self, specimen: str, placer: str) -> None:
        """Have a smear ordered, as often as it takes."""
        with self._wishes.open("a", encoding="utf-8") as wishes:
            wishes.write(json.dumps({"specimen": specimen, "placer": placer}) + "\n")

    def behave(self, words: str) -> None:
        """From now on as `words` say (`services.simulator.lis.mood`)."""
        draft = self._control.with_suffix(".draft")
        draft.write_text(words, encoding="utf-8")
        draft.rename(self._control)

    def received(self, placer: str) -> Sequence[ReceivedReport]:
        """Every message on an order, in the order of arrival. Raises JournalError."""
        reports = (received(entry) for entry in read_journal(self._journal) if entry["kind"] == REPORT)
        return [report for report in reports if report.placer == placer]

    def total(self) -> dict[str, int]:
        """Its own count over all specimens, and of frames that were no message. Raises JournalError."""
        counted = tally_of(self._journal)
        return {name: int(count) for name, count in counted["total"].items()} | {"no_message": counted["no_message"]}
