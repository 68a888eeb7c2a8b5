"""Reads films of patients that are known cell by cell, and sets what was said beside what is there.

`python -m trials read --data DATA` composes and reads the films, and goes on where it was stopped; `python -m trials
show` prints and draws what they show.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from services.kit.telemetry import configure_logging
from services.simulator.composer import CellLibrary
from trials.cells import library
from trials.judging import ailments_table, figures_table, flags_table
from trials.patients import patients
from trials.reading import Outcome, read

RESULTS, TEXT, PICTURE = "outcomes.jsonl", "trials.md", "trials.png"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command."""
    parser = argparse.ArgumentParser(prog="python -m trials", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    reading = commands.add_parser("read", help="read the patients that were not read yet")
    reading.add_argument("--data", type=Path, required=True, help="folder with the data sets")
    reading.add_argument("--patients", type=int, default=100, help="how many (default: 100)")
    one = commands.add_parser("one", help="read one patient")
    one.add_argument("number", type=int)
    showing = commands.add_parser("show", help="print and draw what those that were read show")
    for command in (reading, one, showing):
        command.add_argument("--out", type=Path, default=Path("out/trials"), help="where outcomes are kept")
    chosen = parser.parse_args(arguments)
    chosen.out.mkdir(parents=True, exist_ok=True)
    _COMMANDS[chosen.command](chosen)


def outcomes(folder: Path) -> list[Outcome]:
    """What was found so far, by number."""
    path = folder / RESULTS
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return sorted((Outcome.from_json(json.loads(line)) for line in lines), key=lambda outcome: outcome.number)


def _read(chosen: argparse.Namespace) -> None:
    """Each patient in a process of its own, so that none finds what another left."""
    library(chosen.data, chosen.out / "cells")
    known = {outcome.number for outcome in outcomes(chosen.out)}
    own = {"FROTTIS_INGESTION_SETTLE_S": "0", "FROTTIS_INGESTION_POLL_S": "0.2"}
    for number in sorted(set(range(chosen.patients)) - known):
        command = [sys.executable, "-m", "trials", "one", str(number), "--out", str(chosen.out)]
        subprocess.run(command, check=True, env=os.environ | own)


def _one(chosen: argparse.Namespace) -> None:
    configure_logging(level=logging.ERROR)
    patient = patients(chosen.number + 1)[-1]
    with tempfile.TemporaryDirectory() as folder:
        outcome = read(patient, CellLibrary.load(chosen.out / "cells"), Path(folder))
    with (chosen.out / RESULTS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(outcome.as_json()) + "\n")
    print(f"{outcome.number} {outcome.ailment}: {outcome.decision}, {outcome.seconds} s, {', '.join(outcome.rules)}")


def _show(chosen: argparse.Namespace) -> None:
    from trials.plots import draw  # noqa: PLC0415  # matplotlib is installed only where models are trained

    found = outcomes(chosen.out)
    text = "\n".join([ailments_table(found), flags_table(found), figures_table(found)])
    (chosen.out / TEXT).write_text(text, encoding="utf-8")
    draw(found, chosen.out / PICTURE)
    print(text)


_COMMANDS = {"read": _read, "one": _one, "show": _show}

if __name__ == "__main__":
    main()
