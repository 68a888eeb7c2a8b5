"""One reader in a process of its own: `python region_reader.py READER SLIDE`, driven over standard input.

Knows nothing of Frottis unless asked for its reader, so it runs in an environment that has only the other two. Each
line is a command: `time SEED COUNT` reads that many regions at random places and answers with wall and processor
seconds; `save FILE SEED COUNT` stores them.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

SIDE = 1024
Read = Callable[[int, int], Any]


def frottis(slide: str, threads: int) -> tuple[Read, tuple[int, int]]:
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from services.ingestion import open_slide  # noqa: PLC0415 (not there in the other readers' environment)

    opened = open_slide(slide, threads=threads)
    return lambda x, y: opened.read_region(x, y, SIDE, SIDE), (opened.width, opened.height)


def slideio(slide: str) -> tuple[Read, tuple[int, int]]:
    import slideio as library  # noqa: PLC0415 (one environment has only one of the readers)

    opened = library.open_slide(slide, "VSI")
    scene = opened.get_scene(opened.num_scenes - 1)
    width, height = scene.size
    # The slide must outlive its scene.
    return lambda x, y: (scene.read_block((x, y, SIDE, SIDE)), opened)[0], (width, height)


def fastslide(slide: str) -> tuple[Read, tuple[int, int]]:
    import fastslide as library  # noqa: PLC0415 (one environment has only one of the readers)

    opened = library.FastSlide.from_file_path(slide)
    return lambda x, y: opened.read_region((x, y), 0, (SIDE, SIDE)).numpy(), opened.dimensions


READERS: dict[str, Callable[[str], tuple[Read, tuple[int, int]]]] = {
    "frottis": lambda slide: frottis(slide, 1),
    "frottis-2": lambda slide: frottis(slide, 2),
    "slideio": slideio,
    "fastslide": fastslide,
}


def places(size: tuple[int, int], seed: int, count: int) -> Iterator[tuple[int, int]]:
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield int(rng.integers(size[0] - SIDE)), int(rng.integers(size[1] - SIDE))


def main() -> None:
    reader, slide = sys.argv[1:3]
    if not reader.endswith("-2"):
        # One core for every reader: then its wall time is its time per core.
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    # The libraries talk on standard output.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    read, size = READERS[reader](slide)
    for line in sys.stdin:
        command, *arguments = line.split()
        if command == "time":
            wall, processor = time.perf_counter(), time.process_time()
            for x, y in places(size, int(arguments[0]), int(arguments[1])):
                read(x, y)
            print(time.perf_counter() - wall, time.process_time() - processor, file=answers, flush=True)
        else:
            regions = [np.array(read(x, y)) for x, y in places(size, int(arguments[1]), int(arguments[2]))]
            np.save(arguments[0], np.stack(regions))
            print("saved", file=answers, flush=True)


if __name__ == "__main__":
    main()
