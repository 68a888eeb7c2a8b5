"""Measures the whole embedded run against its bare parts, and its memory against the film's size.

`python -m benchmarks.whole_run`: one composed slide goes through the assembly of `frottis run`, between a share and a
simulated LIS; then, in the same process, the film map, the cutting of the same tiles and the models over them are
called bare. Goals: the whole takes at most 1.3 times the sum of the parts; at most 1.5 GiB, and at most 1.1 times more
for a film ten times larger. Each run has a process of its own, and each film three runs, of which the medians count.
"""

import logging
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import simplejpeg

from services.analysis.cells import Box, Kind, Placement
from services.analysis.settings import AnalysisSettings
from services.analysis.tiles import TilePixels
from services.analysis.wiring import reader_of, runtime_of
from services.embedded.assembly import Address, Options, orders_address
from services.embedded.running import running
from services.ingestion import open_slide
from services.ingestion.fields import core
from services.ingestion.film import map_film
from services.ingestion.tiles import TILE_PX, TileImage, cut_all
from services.kit.contracts import Field, Question, Report
from services.kit.telemetry import configure_logging
from services.simulator.composer import Recipe, compose_film
from services.simulator.lis import LisSimulator
from services.simulator.slide import write_film

LOCAL = Address("127.0.0.1", 0)
RUNS = 3
GOAL, MOST_GIB, GOAL_GROWTH = 1.3, 1.5, 1.1
SIZES = ((8000, 6000), (25300, 18974))
"""The second film has ten times the pixels of the first."""


def main() -> None:
    """Print what each film took; with a folder and a step, do that step for the process that asked."""
    if len(sys.argv) > 1:
        STEPS[sys.argv[1]](Path(sys.argv[2]), *map(int, sys.argv[3:]))
        return
    peaks = []
    for width, height in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            _step("compose", folder, str(width), str(height))
            runs = [tuple(map(float, _step("measure", folder).split())) for _ in range(RUNS)]
        ratios = sorted(whole / bare for whole, bare, _ in runs)
        whole, bare, peak = (median(each) for each in zip(*runs, strict=True))
        peaks.append(peak)
        print(
            f"{width} x {height} px: whole {whole:.1f} s, bare parts {bare:.1f} s, ratio {median(ratios):.2f} ", end=""
        )
        print(f"({ratios[0]:.2f}-{ratios[-1]:.2f}, goal {GOAL}); peak {peak:.2f} GiB (goal {MOST_GIB})", flush=True)
    print(f"peak of the larger film: {peaks[1] / peaks[0]:.2f} times the smaller's (goal {GOAL_GROWTH})")


def _step(*arguments: str) -> str:
    own = {"FROTTIS_INGESTION_SETTLE_S": "0", "FROTTIS_INGESTION_POLL_S": "0.1"}
    command = [sys.executable, "-m", "benchmarks.whole_run", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | own).stdout


def compose(folder: Path, width: int, height: int) -> None:
    """Write the film as a slide on the scanner's disk."""
    film = compose_film(Recipe(width_px=width, height_px=height, clumps=0), into=folder / "film")
    write_film(film, folder / "scanner", "slide", "BENCH-1")


def measure(folder: Path) -> None:
    """Print whole and bare seconds, and the peak memory of the whole run in GiB."""
    configure_logging(level=logging.ERROR)
    whole, report = _whole(folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(whole, _bare(folder / "share" / "slide.vsi", report), peak)
    _put_back(folder)


def _put_back(folder: Path) -> None:
    """As before the run."""
    for path in (folder / "share").iterdir():
        path.rename(folder / "scanner" / path.name)
    (folder / "share").rmdir()
    shutil.rmtree(folder / "state")


def _whole(folder: Path) -> tuple[float, Report]:
    share, scanner = folder / "share", folder / "scanner"
    share.mkdir()
    with LisSimulator() as lis:
        options = Options(share, folder / "state", Address(*lis.address), LOCAL, LOCAL)
        with running(options) as (process, worklist):
            address = orders_address(process)
            lis.send_order((address.host, address.port), "BENCH-1", placer="BENCH")
            while any(check() for service in process.services.values() for check in service.readiness.values()):
                time.sleep(0.05)
            started = time.perf_counter()
            for name in ("_slide_", "slide.vsi"):
                (scanner / name).rename(share / name)
            while not lis.record.wait_until(bool, 1.0) and not process.runner.stopping.is_set():
                pass
            seconds = time.perf_counter() - started
            report = worklist.report("BENCH-1")
    if report is None:
        raise SystemExit("the run gave no report")
    return seconds, report


def _bare(scan: Path, report: Report) -> float:
    """Seconds of the film map, the tiles of the report's own fields, and the models over them."""
    settings = AnalysisSettings.load()
    runtime = runtime_of(settings)
    runtime.warm()
    reader = reader_of(settings, runtime)
    fields = [field for field in report.fields if not field.HasField("rejected")]
    started = time.perf_counter()
    with open_slide(scan) as slide:
        map_film(slide)
        cut = cut_all(slide, [core(field.field_id) for field in fields])
        tiles = [tile for tile in cut if isinstance(tile, TileImage)]
    for batch in _batches(list(zip(fields, tiles, strict=True)), settings.tiles_per_batch):
        reader.read([_pixels(field, tile) for field, tile in batch])
    return time.perf_counter() - started


def _batches(items: list[tuple[Field, TileImage]], size: int) -> Iterator[list[tuple[Field, TileImage]]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _pixels(field: Field, tile: TileImage) -> TilePixels:
    region, middle = tile.region, tile.core
    placement = Placement(region.x_um, region.y_um, region.width_um / TILE_PX, region.height_um / TILE_PX)
    box = Box(middle.x_um, middle.y_um, middle.width_um, middle.height_um)
    red = {Kind.ERYTHROCYTE} if Question.QUESTION_ERYTHROCYTES in field.questions else set()
    image = simplejpeg.decode_jpeg(tile.jpeg, colorspace="RGB", strict=True)
    return TilePixels(image, placement, box, frozenset({Kind.LEUKOCYTE, *red}))


STEPS = {"compose": compose, "measure": measure}

if __name__ == "__main__":
    main()
