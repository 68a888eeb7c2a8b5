"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

State = Annotated[
    Path,
    typer.Option(
        "--state", envvar="FROTTIS_PROCESS_STATE", help="State folder of a `frottis run`.", show_default=False
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Resolution = Annotated[
    float | None,
    typer.Option("--um-per-px", min=0.02, max=20, help="Resolution in µm per pixel, where the file does not say."),
]
