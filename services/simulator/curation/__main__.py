"""Makes the demonstration cells from the public data sets.

    python -m services.simulator.curation DATA --parts FOLDER [--into FOLDER]

DATA holds `pbc` and `chula_rbc12`, the sets whose licences allow it (see `cells/ATTRIBUTION.md`). FOLDER holds the
split manifests of the models' training: cells are taken from test pictures only, so that a model meets every one anew.
"""

import argparse
from collections import Counter
from itertools import chain
from pathlib import Path

from services.simulator.composer.library import DEMONSTRATION_CELLS
from services.simulator.curation.parts import Parts
from services.simulator.curation.selection import select
from services.simulator.curation.sheets import write_sheets
from services.simulator.curation.sources import CHULA, PBC, centred_cells, pointed_cells

# Bone-marrow and blood leukocytes, the erythroblast and the platelet; none of the licensed sets shows blasts.
CENTRED = {
    "neutrophil_segmented": 70,
    "neutrophil_band": 56,
    "lymphocyte": 64,
    "monocyte": 56,
    "eosinophil": 56,
    "basophil": 48,
    "metamyelocyte": 48,
    "myelocyte": 48,
    "promyelocyte": 40,
    "erythroblast": 48,
    "platelet": 80,
}
POINTED = {
    "normal": 160,
    "macrocyte": 30,
    "microcyte": 30,
    "spherocyte": 40,
    "target": 30,
    "stomatocyte": 30,
    "ovalocyte": 30,
    "teardrop": 24,
    "burr": 30,
    "schistocyte": 24,
    "hypochromic": 30,
    "elliptocyte": 30,
}


def main() -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--into", type=Path, default=DEMONSTRATION_CELLS)
    parser.add_argument("--parts", type=Path, required=True)
    given = parser.parse_args()
    candidates = chain(centred_cells(given.data, PBC, frozenset(CENTRED)), pointed_cells(given.data, CHULA))
    chosen = select(given.data, candidates, CENTRED | POINTED, Parts(given.data, given.parts))
    size = write_sheets(given.into, chosen)
    counts = Counter(one.candidate.label for one in chosen)
    print("\n".join(f"{label:22} {counts[label]:4} of {wanted}" for label, wanted in (CENTRED | POINTED).items()))  # noqa: T201
    print(f"{len(chosen)} cells, {size / 1e6:.2f} MB")  # noqa: T201


main()
