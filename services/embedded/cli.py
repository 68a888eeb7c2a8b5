"""The `frottis` command."""

import json
import logging
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from services.embedded.addresses import parse_address
from services.embedded.analysing import Cropped, analyse
from services.embedded.assembly import Options
from services.embedded.dead_letters import app as dead_letters
from services.embedded.demo import demonstrate, embedded
from services.embedded.evaluating import Evaluated, evaluation
from services.embedded.options import AsJson, Resolution, State
from services.embedded.running import run as run_service
from services.embedded.running import run_until_idle
from services.embedded.slides import describe, is_whole, lines
from services.embedded.texts import console, printable
from services.embedded.worklist import find_report, open_worklist, print_status, report_json, status_json
from services.embedded.writing import print_report
from services.kit.clock import SystemClock
from services.kit.object_settings import ObjectSettings
from services.kit.objects import Objects
from services.kit.process import Process
from services.kit.telemetry import configure_logging

EXIT_CODES = """
Exit codes: 0 done · 1 a defect of Frottis · 2 wrong usage or settings · 3 the input cannot be read (damaged,
unsupported, incomplete) · 4 nothing is known of what was asked · 5 another Frottis works on the state folder ·
130 interrupted.
"""

app = typer.Typer(
    name="frottis",
    help="Reads blood smears: from a VS200 scan on a share to an HL7 report acknowledged by the LIS.\n\n"
    "New here? `frottis demo` shows all of it on a made-up slide, in a few minutes.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

app.add_typer(dead_letters)


@app.command()
def run(
    share: Annotated[Path, typer.Option(help="Folder that the scanner writes to.", show_default=False)],
    state: Annotated[
        Path,
        typer.Option(help="Folder of Frottis' own, for all it must not forget; made when absent.", show_default=False),
    ],
    lis: Annotated[str, typer.Option(help="HOST:PORT of the LIS, to send reports to (MLLP).", show_default=False)],
    listen: Annotated[
        str, typer.Option(help="HOST:PORT of this machine, for the LIS to send orders to (MLLP).", show_default=False)
    ],
    operations: Annotated[
        str,
        typer.Option(help="HOST:PORT of this machine, for /healthz, /readyz and /metrics; port 0 takes a free one."),
    ] = "127.0.0.1:0",
    until_idle: Annotated[
        bool,
        typer.Option(
            "--until-idle",
            help="Return once every scan on the share is acknowledged, held or refused; what is waited for, such as "
            "an order, is told until then.",
        ),
    ] = False,
    um_per_px: Resolution = None,
) -> None:
    """Read every scan that appears on a share and report it to the LIS.

    It runs until Ctrl-C or SIGTERM and may be stopped or killed at any moment: the next start goes on where it was.
    What the options do not say comes from the environment (`FROTTIS_INGESTION_SETTLE_S=10` …): docs/operations.md
    lists every setting.
    """
    configure_logging()
    addresses = (parse_address(lis, "--lis"), parse_address(listen, "--listen"))
    options = Options(share, state, *addresses, parse_address(operations, "--operations"), um_per_px)
    if not until_idle:
        run_service(options, _announce)
    elif not run_until_idle(options, _announce, _tell):
        raise typer.Exit(130)


@app.command("analyse")
def analyse_command(
    paths: Annotated[list[Path], typer.Argument(help="Images (PNG, JPEG, WebP, TIFF), folders of them, or slides.")],
    out: Annotated[
        Path, typer.Option(help="File to write (.jsonl): one JSON object per line and cell.", show_default=False)
    ],
    um_per_px: Resolution = None,
    cell: Annotated[
        Cropped | None, typer.Option(help="Do not search: each image is one centred cell of this kind.")
    ] = None,
) -> None:
    """Find and classify the cells of images or slides, without a report.

    Images do not record their resolution and need `--um-per-px`; a folder stands for the images in it. A path that is
    not there, or a slide that cannot be opened, ends the run before it begins; an image that cannot be read is told and
    left out, and so are the places of a slide whose tiles were lost. The exit code is 3 each time. The file is there
    once it is whole, or not at all.
    """
    broken: list[str] = []
    cells = analyse(paths, um_per_px, out, cell, lambda error: broken.append(str(error)))
    for problem in broken:
        typer.echo(f"frottis: {printable(problem)}", err=True)
    typer.echo(f"{cells} cells: {out}", err=True)
    if broken:
        raise typer.Exit(3)


@app.command()
def evaluate(
    model: Annotated[Evaluated, typer.Argument(help="Which of the released models.")],
    data: Annotated[
        Path, typer.Option(help="Folder with labels.csv, points.csv or labels.json, and the pictures it names.")
    ],
    um_per_px: Annotated[float, typer.Option(min=0.02, max=1.0, help="µm per pixel of the pictures.")],
    as_json: AsJson = False,
) -> None:
    """Measure a model on labelled pictures: per class, with intervals, and what it refuses of classes it does not know.

    `labels.csv` (`file,label`): pictures of one centred cell; `points.csv` (`file,x,y,label`): cells by their centres;
    `labels.json` (COCO boxes of `rbc`, `wbc`, `platelet`): fields, for the detector.
    """
    typer.echo(evaluation(model, data, um_per_px, as_json=as_json))


@app.command()
def slide(
    path: Annotated[Path, typer.Argument(help="A scan: .vsi with its folder, OME-TIFF, SVS, NDPI …")],
    as_json: AsJson = False,
    um_per_px: Resolution = None,
) -> None:
    """Say what is in a scan, whether it is complete, and whether pixels were lost.

    Lost are tiles that are not stored where a coarser level shows stain, and places that cannot be decoded: up to 300
    of every level are tried, evenly spread, for 10 s at most, and the rest is not looked at. The exit code is 3 where
    the scan is incomplete, in whichever way, or pixels were found lost.
    """
    facts = describe(path, um_per_px)
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
    else:
        for line in lines(facts):
            typer.echo(line)
    if not is_whole(facts):
        raise typer.Exit(3)


@app.command()
def status(state: State, as_json: AsJson = False) -> None:
    """List every scan seen: where it is on its way to the LIS, and why it waits or is held."""
    with open_worklist(state) as worklist:
        entries = worklist.entries()
    if as_json:
        typer.echo(json.dumps(status_json(entries), indent=2))
    else:
        print_status(entries, console(), SystemClock().now())


@app.command()
def report(
    slide_or_specimen: Annotated[str, typer.Argument(help="Slide id or specimen number, as `frottis status` shows.")],
    state: State,
    as_json: AsJson = False,
) -> None:
    """Print the last report of a slide or specimen: every count, what was decided, and why."""
    with open_worklist(state) as worklist:
        found = find_report(worklist, slide_or_specimen)
    if as_json:
        typer.echo(json.dumps(report_json(found, Objects.of(ObjectSettings.load(), state)), indent=2))
    else:
        print_report(found, console())


@app.command()
def demo(
    out: Annotated[
        Path, typer.Option(help="Folder for all that it makes; only what an earlier one made is replaced.")
    ] = Path("out/demo"),
    seed: Annotated[int, typer.Option(help="Seed of the made-up slide: another number, another slide.")] = 1,
) -> None:
    """Show it all on a slide made up of real cells, with a simulated scanner and LIS."""
    configure_logging(level=logging.ERROR)
    demonstrate(out, seed, Console(emoji=False), partial(embedded, out / "state"))


def _tell(awaited: str) -> None:
    typer.echo(f"waiting: {printable(awaited)}", err=True)


def _announce(process: Process) -> None:
    typer.echo(f"operations on port {process.operations.bound_port}: /healthz /readyz /metrics", err=True)
    sys.stderr.flush()
