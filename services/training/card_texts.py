"""What the cards say that is not measured: what a model is for, where its data come from, what it cannot do."""

from pathlib import Path

_LOSSES = "## Accepted losses\n"
_PROSE = Path(__file__).parent / "prose"

SOURCES = {
    "deepbionet": "DeepBioNet, Olympus BX53, 100x; licence not stated; 0.132 µm/px",
    "txl_pbc": "TXL-PBC, from four sets; MIT; 0.055 to 0.095 µm/px",
    "iml_malaria": "IML malaria, Giemsa thin films; licence not stated; 0.092 µm/px; red cells only, incomplete",
    "pbc": "PBC Barcelona, CellaVision DM96, May–Grünwald–Giemsa; CC BY 4.0; 0.10 µm/px",
    "all_taleqani": "ALL image set, Tehran; licence not stated; labelled by image, cells found by their nuclei",
    "chula_rbc12": "Chula RBC-12, thalassaemia smears; MIT; 0.10 µm/px documented, 0.192 by its bars; partly labelled",
    "erythrocytes_idb": "erythrocytesIDB, sickle cell disease; licence not stated; 0.163 µm/px by its round cells",
}


def intended_use(name: str) -> str:
    """What a model is for, from the text kept for it."""
    return _prose(name)[0]


def limits(name: str) -> str:
    """What a model cannot do, heading included."""
    return _prose(name)[1]


def accepted_losses(name: str) -> dict[str, str]:
    """Where a model may be worse than the one it replaces, and why: the lines ``- place — reason`` of its text.

    The place is a figure's name as the comparison prints it.
    """
    _, _, rest = (_PROSE / f"{name}.md").read_text("utf-8").partition(_LOSSES)
    lines = [line.removeprefix("- ") for line in rest.partition("\n## ")[0].splitlines() if line.startswith("- ")]
    return dict(line.rsplit(" — ", 1) for line in lines)


def _prose(name: str) -> tuple[str, str]:
    use, heading, rest = (_PROSE / f"{name}.md").read_text("utf-8").partition("## Limits")
    return use, heading + rest
