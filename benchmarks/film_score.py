"""Fits the weights of `services/ingestion/film/score.py`: `python benchmarks/film_score.py DATA`.

Nucleated cells and look-alikes come from composed films (several whites, clumps of platelets, precipitate) and from the
real fields of DeepBioNet in DATA, which bring stains and cameras. Prints the weights, and for each kind of blob how
many of those held out are taken for a nucleus.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

sys.path.insert(0, str(Path(__file__).parent.parent))

from services.ingestion.film.blobs import Shape
from services.ingestion.film.estimation import estimate
from services.ingestion.film.nuclei import LEAST_UM2, blobs
from services.ingestion.film.score import features
from services.simulator.composer.film import Film, compose_film
from services.simulator.composer.recipe import Defect, DefectKind, Recipe, Rect

REDUCTION = 8
REAL_UM_PER_PX = 0.132
WHITES = ((241, 238, 236), (200, 215, 180), (180, 200, 240), (250, 225, 200))
DIFFERENTIAL = {
    "neutrophil_segmented": 60,
    "neutrophil_band": 15,
    "lymphocyte": 50,
    "monocyte": 15,
    "eosinophil": 10,
    "basophil": 6,
    "metamyelocyte": 8,
    "myelocyte": 8,
    "promyelocyte": 6,
    "erythroblast": 25,
}

Row = tuple[NDArray[np.float64], str, int]
"""Features, kind of blob, and the picture it comes from."""


def composed(seed: int) -> Iterator[Row]:
    granules = Defect(DefectKind.PRECIPITATE, Rect(0.6, 0.0, 0.75, 1.0), 8000.0)
    recipe = Recipe(
        width_px=9000,
        height_px=6000,
        seed=100 + seed,
        differential=DIFFERENTIAL,
        clumps=40,
        clump_size=(4, 25),
        platelets=600,
        glass_rgb=WHITES[seed % len(WHITES)],
        defects=(granules,),
    )
    film = compose_film(recipe)
    found = _found(film.image, film.um_per_px)
    if found is None:
        return
    kinds = [_kind(film, float(x), float(y)) for x, y in zip(found.x_um, found.y_um, strict=True)]
    for row, kind, area in zip(features(found), kinds, found.area_um2, strict=True):
        if area >= LEAST_UM2:
            yield row, kind, seed


def _kind(film: Film, x: float, y: float) -> str:
    for cell in film.truth.cells:
        if cell.kind == "leukocyte" and abs(x - cell.x_um) < cell.w_um / 2 and abs(y - cell.y_um) < cell.h_um / 2:
            return cell.label
    clumped = any(abs(x - c.x_um) < c.w_um / 2 + 1 and abs(y - c.y_um) < c.h_um / 2 + 1 for c in film.truth.clumps)
    return "clump" if clumped else "platelet"


def real(data: Path) -> Iterator[Row]:
    labels = json.loads((data / "deepbionet" / "labels.json").read_text())
    names = {category["id"]: category["name"] for category in labels["categories"]}
    boxes: dict[int, list[list[float]]] = {}
    for each in labels["annotations"]:
        if names[each["category_id"]] == "wbc":
            boxes.setdefault(each["image_id"], []).append(each["bbox"])
    for image in labels["images"]:
        # Five fields carry the label of leukocytes on their red cells.
        if 0 < len(boxes.get(image["id"], [])) < 12:
            yield from _real_field(data, image, boxes[image["id"]])


def _real_field(data: Path, image: dict[str, Any], boxes: list[list[float]]) -> Iterator[Row]:
    pixels = cv2.cvtColor(cv2.imread(str(data / "deepbionet" / image["file_name"])), cv2.COLOR_BGR2RGB)
    found = _found(np.asarray(pixels, np.uint8), REAL_UM_PER_PX)
    if found is None:
        return
    height, width = pixels.shape[:2]
    for row, x_um, y_um, area in zip(features(found), found.x_um, found.y_um, found.area_um2, strict=True):
        x, y = x_um / REAL_UM_PER_PX, y_um / REAL_UM_PER_PX
        if area >= LEAST_UM2 and 12 < x < width - 12 and 12 < y < height - 12:
            inside = any(bx - 4 < x < bx + w + 4 and by - 4 < y < by + h + 4 for bx, by, w, h in boxes)
            yield row, "real leukocyte" if inside else "real look-alike", 100 + int(image["id"])


def _found(pixels: NDArray[np.uint8], um_per_px: float) -> Shape | None:
    size = (pixels.shape[1] // REDUCTION, pixels.shape[0] // REDUCTION)
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    stain = estimate(small[None], None)
    return None if stain is None else blobs(stain.separate(small).nuclear, um_per_px * REDUCTION)


def fit(rows: NDArray[np.float64], nucleus: NDArray[np.float64]) -> NDArray[np.float64]:
    ridge = np.array([0.0] + [0.3] * (rows.shape[1] - 1))

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logit = rows @ weights
        value = np.logaddexp(0, -(2 * nucleus - 1) * logit).sum() + (ridge * weights**2).sum() / 2
        return float(value), rows.T @ (1 / (1 + np.exp(-logit)) - nucleus) + ridge * weights

    return np.asarray(minimize(loss, np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B").x)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder that holds deepbionet/")
    samples = [row for seed in range(6) for row in composed(seed)] + list(real(parser.parse_args().data))
    rows, kinds, pictures = (
        np.array([s[0] for s in samples]),
        np.array([s[1] for s in samples]),
        [s[2] for s in samples],
    )
    nucleus = ~np.isin(kinds, ["clump", "platelet", "real look-alike"])
    held_out = np.array(pictures) % 2 == 1
    weights = fit(rows[~held_out], nucleus[~held_out].astype(float))
    probability = 1 / (1 + np.exp(-rows @ weights))
    for kind in sorted(set(kinds.tolist())):
        of_kind = probability[held_out & (kinds == kind)]
        shares = " ".join(f">= {t}: {np.mean(of_kind >= t):.3f}" for t in (0.1, 0.3, 0.5))
        print(f"{kind:22} {len(of_kind):5}  taken for a nucleus at {shares}")
    print("WEIGHTS =", np.round(fit(rows, nucleus.astype(float)), 3).tolist())


if __name__ == "__main__":
    main()
