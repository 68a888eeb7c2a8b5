"""The `frottis` command."""

import json
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from services.embedded.addresses import parse_address
from services.embedded.analysing import Cropped, analyse
from services.embedded.assembly import Options
from services.embedded.demo import demonstrate
from services.embedded.running import run as run_service
from services.embedded.slides import describe
from services.embedded.worklist import find_report, open_worklist, print_status, report_json, status_json
from services.embedded.writing import print_report
from services.kit.process import Process
from services.kit.telemetry import configure_logging

EXIT_CODES = """
Exit codes: 0 done · 1 a defect of Frottis · 2 wrong usage or settings · 3 the input cannot be read (damaged,
unsupported, incomplete) · 4 nothing is known of what was asked · 5 another Frottis works on the state folder ·
130 interrupted.
"""

app = typer.Typer(
    name="frottis",
    help="Reads blood smears: from a VS200 scan on a share to an HL7 report acknowledged by the LIS.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

State = Annotated[Path, typer.Option("--state", help="Folder with the state of a `frottis run`.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Resolution = Annotated[
    float | None, typer.Option("--um-per-px", min=0.02, max=20, help="µm per pixel, where the file does not say.")
]


@app.command()
def run(
    share: Annotated[Path, typer.Option(help="Folder that the scanner writes to.", show_default=False)],
    state: Annotated[Path, typer.Option(help="Folder for Frottis' own state; made when absent.", show_default=False)],
    lis: Annotated[str, typer.Option(help="HOST:PORT of the LIS, for reports (MLLP).", show_default=False)],
    listen: Annotated[str, typer.Option(help="HOST:PORT to listen on for orders (MLLP).", show_default=False)],
    operations: Annotated[
        str, typer.Option(help="HOST:PORT for /healthz, /readyz and /metrics; port 0 takes a free one.")
    ] = "127.0.0.1:0",
    until_idle: Annotated[bool, typer.Option(help="Return once every scan on the share has ended.")] = False,
    um_per_px: Resolution = None,
) -> None:
    """Read every scan that appears on a share and report it to the LIS.

    Settings of each service come from the environment (`FROTTIS_INGESTION_SETTLE_S=10` …): see docs/operations.md.
    """
    configure_logging()
    addresses = (parse_address(lis, "--lis"), parse_address(listen, "--listen"))
    options = Options(share, state, *addresses, parse_address(operations, "--operations"), um_per_px)
    run_service(options, until_idle=until_idle, announce=_announce)


@app.command("analyse")
def analyse_command(
    paths: Annotated[list[Path], typer.Argument(help="Images (PNG, JPEG, WebP, TIFF), folders of them, or slides.")],
    out: Annotated[Path, typer.Option(help="Where to write one JSON line per cell.", show_default=False)],
    um_per_px: Resolution = None,
    cell: Annotated[Cropped | None, typer.Option(help="Each image is one centred cell of this kind.")] = None,
) -> None:
    """Find and classify the cells of images or slides, without a report."""
    broken: list[str] = []
    cells = analyse(paths, um_per_px, out, cell, lambda error: broken.append(str(error)))
    for problem in broken:
        typer.echo(f"frottis: {problem}", err=True)
    typer.echo(f"{cells} cells: {out}", err=True)
    if broken:
        raise typer.Exit(3)


@app.command()
def slide(
    path: Annotated[Path, typer.Argument(help="A scan: .vsi with its folder, OME-TIFF, SVS, NDPI …")],
    as_json: AsJson = False,
    um_per_px: Resolution = None,
) -> None:
    """Say what is in a scan, and whether it is complete."""
    facts = describe(path, um_per_px)
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
    else:
        for name, value in facts.items():
            typer.echo(f"{name:>16}  {value}")


@app.command()
def status(state: State, as_json: AsJson = False) -> None:
    """List every slide seen: where it is, and why it is held."""
    with open_worklist(state) as worklist:
        entries = worklist.entries()
    if as_json:
        typer.echo(json.dumps(status_json(entries), indent=2))
    else:
        print_status(entries, Console())


@app.command()
def report(
    slide_or_specimen: Annotated[str, typer.Argument(help="Slide id or specimen number, as `frottis status` shows.")],
    state: State,
    as_json: AsJson = False,
) -> None:
    """Print the last report of a slide or specimen."""
    with open_worklist(state) as worklist:
        found = find_report(worklist, slide_or_specimen)
    if as_json:
        typer.echo(json.dumps(report_json(found), indent=2))
    else:
        print_report(found, Console())


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything the demonstration makes.")] = Path("out/demo"),
    seed: Annotated[int, typer.Option(help="Seed of the demonstration slide.")] = 1,
) -> None:
    """Read a demonstration slide of real cells: scanner, LIS and Frottis in one process."""
    configure_logging(level=logging.ERROR)
    demonstrate(out, seed, Console())


def _announce(process: Process) -> None:
    typer.echo(f"operations on port {process.operations.bound_port}: /healthz /readyz /metrics", err=True)
    sys.stderr.flush()
