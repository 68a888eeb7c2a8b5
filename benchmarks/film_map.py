"""Measures the film map and the choice of fields: `python benchmarks/film_map.py [--seeds N] [--gigapixels G]`.

Accuracy: composed films of several whites, with and without defects, against their truth. Speed: a whole film of
repeated tiles written as .vsi, mapped by two threads with everything that costs: reading, decoding, measuring.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent.parent))

from services.ingestion import open_slide
from services.ingestion.fields import ChosenField, Question, choose
from services.ingestion.film import FilmMap, Part, map_film
from services.ingestion.tiles import cut_all
from services.simulator.composer.film import Film, compose_film
from services.simulator.composer.recipe import Defect, DefectKind, Recipe, Rect
from services.simulator.composer.truth import CellTruth, Truth
from services.simulator.vsi import BlockMosaic, Stack, StackKind, write_slide

WANTED = {
    Question.LEUKOCYTES: 200,
    Question.ERYTHROCYTES: 5000,
    Question.PLATELETS: 0,
    Question.PLATELET_CLUMPS: 4,
}
WHITES = ((241, 238, 236), (200, 215, 180), (180, 200, 240), (250, 225, 200))
BLOCK_PX = 2048


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=4, help="composed films to measure")
    parser.add_argument("--gigapixels", type=float, default=12.0, help="size of the film to time")
    given = parser.parse_args()
    for seed in range(given.seeds):
        defects = (Defect(DefectKind.DEFOCUS, Rect(0.45, 0.0, 0.6, 1.0), 3.0),) if seed % 2 else ()
        film = compose_film(Recipe(seed=seed + 1, glass_rgb=WHITES[seed % len(WHITES)], defects=defects))
        with tempfile.TemporaryDirectory() as folder:
            accuracy(film, Path(folder), seed)
            if seed == given.seeds - 1:
                speed(film, Path(folder), given.gigapixels)


def accuracy(film: Film, folder: Path, seed: int) -> None:
    with open_slide(_written(folder, f"film{seed}", film.image)) as slide:
        found = map_film(slide)
    truth = film.truth
    expected = _true_parts(truth, found)
    print(f"film {seed + 1}, {', '.join(r.name for r in truth.regions if r.strength) or 'no defect'}")
    for part in Part:
        either = np.count_nonzero((found.parts == part) | (expected == part))
        both = np.count_nonzero((found.parts == part) & (expected == part))
        print(f"  {part.name.lower():10} IoU {both / max(either, 1):.3f}")
    _print_nuclei(truth, found)
    choice = choose(found, WANTED)
    for question, kind in ((Question.LEUKOCYTES, "leukocyte"), (Question.ERYTHROCYTES, "erythrocyte")):
        fields = [field for field in choice.fields if question in field.questions]
        print(
            f"  {question}: {len(fields)} fields, {choice.expected[question]:.0f} expected, "
            f"{_held(truth, fields, kind)} there, exhausted: {question in choice.exhausted}"
        )


def _print_nuclei(truth: Truth, found: FilmMap) -> None:
    nuclei = found.nuclei.probable
    places: dict[str, list[bool]] = defaultdict(list)
    real = np.zeros(len(nuclei), bool)
    for cell in (cell for cell in truth.cells if cell.kind == "leukocyte"):
        hit = (abs(nuclei.x_um - cell.x_um) < cell.w_um / 2) & (abs(nuclei.y_um - cell.y_um) < cell.h_um / 2)
        places[_place(cell, truth)].append(bool(hit.any()))
        real |= hit
    for place, hits in sorted(places.items()):
        print(f"  nucleated cells, {place:10} {sum(hits)} of {len(hits)} found ({np.mean(hits):.3f})")
    print(f"  {np.count_nonzero(real)} of {len(real)} nuclei found are nucleated cells ({np.mean(real):.3f})")


def _place(cell: CellTruth, truth: Truth) -> str:
    for region in truth.regions:
        if region.strength is not None:
            polygon = np.array(region.polygon, np.float32)
            if cv2.pointPolygonTest(polygon, (cell.x_um, cell.y_um), measureDist=False) >= 0:
                return region.name
    return cell.region


def _true_parts(truth: Truth, found: FilmMap) -> NDArray[np.uint8]:
    parts = np.zeros(found.parts.shape, np.uint8)
    for region in truth.regions:
        if region.strength is None:
            corners = np.round(np.array(region.polygon) / found.cell_um).astype(np.int32)
            cv2.fillPoly(parts, [corners], int(Part[region.name.upper()]))
    return parts


def _held(truth: Truth, fields: list[ChosenField], kind: str) -> int:
    cores = [(f.core.x_um, f.core.y_um, f.core.width_um) for f in fields]
    return sum(
        any(x <= cell.x_um < x + side and y <= cell.y_um < y + side for x, y, side in cores)
        for cell in truth.cells
        if cell.kind == kind
    )


def speed(film: Film, folder: Path, gigapixels: float) -> None:
    height, width = (side // BLOCK_PX for side in film.image.shape[:2])
    blocks = [
        film.image[y * BLOCK_PX : (y + 1) * BLOCK_PX, x * BLOCK_PX : (x + 1) * BLOCK_PX]
        for y in range(height)
        for x in range(width)
    ]
    side = round((gigapixels * 1e9) ** 0.5 / BLOCK_PX)
    place = np.arange(side) * width // side
    rows = np.random.default_rng(1).integers(0, height, (side, side))
    path = _written(folder, "large", BlockMosaic(blocks, rows * width + place))
    with open_slide(path) as slide:
        size = slide.width * slide.height * 1e-9
        started = time.perf_counter()
        found = map_film(slide)
        mapped = time.perf_counter()
        choice = choose(found, WANTED)
        chosen = time.perf_counter()
        tiles = list(cut_all(slide, [field.core for field in choice.fields]))
        cut = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{size:.1f} gigapixels ({slide.width} x {slide.height}), {len(found.nuclei)} candidates")
    print(
        f"  film map {mapped - started:.1f} s, choice {chosen - mapped:.2f} s, {len(tiles)} tiles {cut - chosen:.1f} s"
    )
    print(f"  peak memory of the process {peak:.0f} MiB, composing included")


def _written(folder: Path, name: str, image: NDArray[np.uint8] | BlockMosaic) -> Path:
    stack = Stack(10001, "40x_BF_01", StackKind.MAIN, image)
    return write_slide(folder, name, [stack], barcode="B0000001")


if __name__ == "__main__":
    main()
