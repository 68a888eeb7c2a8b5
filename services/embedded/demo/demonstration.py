"""One slide's way through a simulated hospital: composed, ordered, scanned, read, reported, acknowledged."""

import json
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from services.embedded.assembly import Address
from services.embedded.demo.engine import Engine, Start
from services.embedded.demo.errors import DemonstrationFailed
from services.embedded.demo.outcome import differential_table, other_table, print_hl7, times_table
from services.embedded.demo.pictures import write_contact_sheet, write_overview
from services.embedded.demo.place import taken, writing
from services.embedded.demo.progress import follow
from services.embedded.demo.scanner import scanning
from services.embedded.texts import shown
from services.embedded.worklist import report_json
from services.kit.contracts import Delivery, Report
from services.kit.objects import Objects
from services.review.states import State
from services.review.worklist import Worklist
from services.simulator.composer import Recipe, Truth, compose_film
from services.simulator.lis import LisSimulator
from services.simulator.slide import write_film

SPECIMEN = "DEMO-0001"
PLACER = "ORDER-1"

# An unremarkable adult: counts of a film that a laboratory reports without a second look.
DIFFERENTIAL = {
    "neutrophil_segmented": 146,
    "neutrophil_band": 7,
    "lymphocyte": 76,
    "monocyte": 16,
    "eosinophil": 8,
    "basophil": 2,
}


@dataclass(frozen=True)
class Ended:
    """What is known once the slide has ended."""

    report: Report
    delivery: Delivery
    message: str
    answer: str


def demonstrate(out: Path, seed: int, console: Console, start: Start) -> None:
    """Run the demonstration into `out`, over Frottis as `start` starts it; what an earlier one left there is removed.

    Raises DemonstrationFailed when the slide is refused, `out` cannot be written or holds what no demonstration made;
    StateInUse when one runs there; and whatever Frottis raises.
    """
    with taken(out):
        _demonstrate(out, seed, console, start)
    console.print(
        f"Look into {shown(str(out))}: report.json, overview.png, cells.png, message.hl7, acknowledgement.hl7"
    )


def _demonstrate(out: Path, seed: int, console: Console, start: Start) -> None:
    share = out / "share"
    with console.status("composing a film from real cells …"), writing(out):
        slide, truth = compose(out / "scanner", seed)
    console.print(
        f"composed {slide.name}: {len(truth.cells)} cells on {truth.width_um / 1e3:.1f} x "
        f"{truth.height_um / 1e3:.1f} mm"
    )
    with LisSimulator() as lis, start(share, Address(*lis.address)) as engine:
        ended = through_the_hospital(engine, lis, slide, share, console)
        with writing(out):
            _write(out, share / slide.name, ended, engine.objects, console)
    console.print(differential_table(ended.report, truth), other_table(ended.report, truth))
    print_hl7(ended.message, ended.answer, console)
    console.print(times_table(ended.delivery))


def compose(folder: Path, seed: int) -> tuple[Path, Truth]:
    """The demonstration slide on the scanner's own disk, and what it is composed of."""
    film = compose_film(Recipe(seed=seed, differential=DIFFERENTIAL, clumps=0))
    slide = write_film(film, folder, "demo", SPECIMEN)
    film.truth.write(folder / "truth.jsonl")
    return slide, film.truth


def through_the_hospital(engine: Engine, lis: LisSimulator, slide: Path, share: Path, console: Console) -> Ended:
    """Order a smear, scan it onto the share, follow it to its end.

    Raises DemonstrationFailed when the slide is refused, or the scanner cannot write the share.
    """
    answer = lis.send_order((engine.orders.host, engine.orders.port), SPECIMEN, placer=PLACER)
    console.print(f"the LIS ordered a smear of {SPECIMEN}: {answer.code}")
    with scanning(slide, share) as check:
        entry = follow(engine, slide.name, check, console)
    if entry.standing.state is State.REFUSED:
        raise DemonstrationFailed(f"the demonstration slide was refused: {entry.standing.text}")
    return _ended(engine.worklist, entry.slide_id, lis)


def _ended(worklist: Worklist, slide_id: str, lis: LisSimulator) -> Ended:
    report = worklist.report(slide_id)
    delivery = worklist.delivery(report.report_id) if report else None
    if report is None or delivery is None:
        raise DemonstrationFailed("the slide is acknowledged without a report: a defect of the worklist")
    received = next(one for one in lis.record.reports if one.control_id == delivery.control_id)
    return Ended(report, delivery, received.text, received.answer)


def _write(out: Path, scan_path: Path, ended: Ended, objects: Objects, console: Console) -> None:
    """Everything that a person may want to look at."""
    with console.status("drawing the slide and its cells …"):
        text = json.dumps(report_json(ended.report, objects), indent=2, ensure_ascii=False)
        (out / "report.json").write_text(text, encoding="utf-8")
        (out / "message.hl7").write_text(ended.message, encoding="utf-8")
        (out / "acknowledgement.hl7").write_text(ended.answer, encoding="utf-8")
        write_overview(ended.report, scan_path, out / "overview.png")
        write_contact_sheet(ended.report, objects, out / "cells.png")
