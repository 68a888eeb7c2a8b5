"""What the analysis service costs beside its bare decoding, inference and encoding, in one run.

    python -m benchmarks.analysis [--tiles 24] [--rounds 5]

Prints one JSON object: the ratio (to be at most 1.3) by wall clock and by processor time, which other programs on the
machine disturb less; the parts in ms per tile by both; and the cells of a tile.
"""

import argparse
import io
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from statistics import median
from typing import Any, TypeAlias

import numpy as np
import simplejpeg

from services.analysis.ahead import Batches
from services.analysis.cells import Kind
from services.analysis.handlers import AnalysisHandlers
from services.analysis.models import ERYTHROCYTES, LEUKOCYTES, MODELS, PLASMODIUM, ModelRepository
from services.analysis.onnx_runtime import session
from services.analysis.pixels import TILE, Rgb
from services.analysis.readers import LocalReaders
from services.analysis.reading import crop_of
from services.analysis.settings import AnalysisSettings
from services.analysis.tile_store import TileStore
from services.analysis.wiring import reader_of, runtime_of
from services.kit.clock import SystemClock
from services.kit.contracts import Question, Region, Slide, Tile
from services.kit.objects import Objects
from services.kit.telemetry import Metrics
from services.kit.transport import Received
from services.simulator.composer.film import compose_field
from services.simulator.composer.recipe import FieldRecipe

UM = 0.137
Times: TypeAlias = tuple[float, float]
"""Seconds by the wall clock, and of processor time."""
QUESTIONS = (Question.QUESTION_LEUKOCYTES, Question.QUESTION_ERYTHROCYTES)


@dataclass(frozen=True)
class Work:
    """What has to be done to the tiles whatever the program around it."""

    jpegs: list[bytes]
    tiles: list[Rgb]
    crops: dict[str, np.ndarray[Any, np.dtype[np.uint8]]]
    evidence: list[Rgb]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    json.dump(measure(options.tiles, options.rounds), sys.stdout, indent=2)
    print()


def measure(tiles: int, rounds: int) -> dict[str, Any]:
    """Bare work and the handler in turns, `rounds` times; medians."""
    settings = AnalysisSettings.load()
    fields = [compose_field(FieldRecipe(width_px=TILE, height_px=TILE, seed=seed)).image for seed in range(4)]
    jpegs = [simplejpeg.encode_jpeg(np.ascontiguousarray(field), quality=90) for field in fields]
    objects = Objects.in_memory()
    messages = [_message(objects, number, jpegs[number % len(jpegs)]) for number in range(tiles)]
    runtime = runtime_of(settings)
    runtime.warm()
    reader = reader_of(settings, runtime)
    work = _work(reader, settings, [jpegs[number % len(jpegs)] for number in range(tiles)])
    bare = _bare(settings)
    taken: dict[str, list[Times]] = {}
    batches = Batches(settings.tiles_together, settings.batches_at_once)
    with closing(batches), ThreadPoolExecutor(settings.fetch_threads) as pool:
        store = TileStore(objects, settings.crop_quality)
        metrics = Metrics()
        readers = LocalReaders(runtime, reader, metrics)
        handlers = AnalysisHandlers(readers, store, batches, pool, SystemClock(), metrics)
        for _ in range(rounds):
            for name, run in bare.items():
                taken.setdefault(name, []).append(_seconds(lambda run=run: run(work)))
            taken.setdefault("handler", []).append(_seconds(lambda: _handled(handlers, messages, settings)))
    return _summary(taken, work, tiles)


def _summary(taken: dict[str, list[Times]], work: Work, tiles: int) -> dict[str, Any]:
    clocks = {"wall": 0, "processor": 1}
    return {
        "ratio": {clock: round(_ratio(taken, index), 3) for clock, index in clocks.items()},
        "ms_per_tile": {
            clock: {name: round(1000 * median(t[index] for t in times) / tiles, 2) for name, times in taken.items()}
            for clock, index in clocks.items()
        },
        "crops_per_tile": {name: round(len(crops) / tiles, 1) for name, crops in work.crops.items()},
        "tiles": tiles,
        "rounds": len(taken["handler"]),
        "cores": len(os.sched_getaffinity(0)),
    }


def _ratio(taken: dict[str, list[Times]], clock: int) -> float:
    """The handler's time over the sum of the bare times, turn by turn; their median."""
    bare = [
        sum(times[turn][clock] for name, times in taken.items() if name != "handler")
        for turn in range(len(taken["handler"]))
    ]
    return median(handled[clock] / sum_ for handled, sum_ in zip(taken["handler"], bare, strict=True))


def _message(objects: Objects, number: int, jpeg: bytes) -> Received:
    uri = objects.put(f"slides/bench/tiles/t{number}.jpg", jpeg)
    left, margin = number * 1024 * UM, 64 * UM
    tile = Tile(
        slide=Slide(slide_id="bench"),
        round=1,
        tile_id=f"bench-t{number}",
        uri=uri,
        um_per_px=UM,
        region=Region(x_um=left - margin, y_um=-margin, width_um=TILE * UM, height_um=TILE * UM),
        core=Region(x_um=left, y_um=0, width_um=1024 * UM, height_um=1024 * UM),
        questions=QUESTIONS,
    )
    return Received("tiles", tile.tile_id, tile, None)


def _work(reader: Any, settings: AnalysisSettings, jpegs: list[bytes]) -> Work:
    """The very pixels that the handler will look at, made ready beforehand."""
    store = TileStore(Objects.in_memory(), settings.crop_quality)
    found = [_message(store._objects, number, jpeg).value for number, jpeg in enumerate(jpegs)]  # noqa: SLF001
    pixels = [store.load(tile) for tile in found]
    cells = [(tile.image, cell) for tile in pixels for cell in reader.read([tile])[0]]
    looked = [(kind, classifier.card) for kind, classifier in reader.classifiers.items()]
    looked.append((Kind.ERYTHROCYTE, reader.parasites.card))
    crops = {
        card.name: np.stack(
            [
                crop_of(image, cell.detection, card.input.shape[0])
                for image, cell in cells
                if cell.detection.kind is kind
            ]
        )
        for kind, card in looked
    }
    evidence = [crop_of(image, cell.detection, 192) for image, cell in cells if cell.detection.kind is Kind.LEUKOCYTE]
    return Work(jpegs, [tile.image for tile in pixels], crops, evidence)


def _bare(settings: AnalysisSettings) -> dict[str, Callable[[Work], None]]:
    """The three kinds of work with nothing around them: the largest batches, no padding, no objects, no messages."""
    file = ModelRepository(settings.models).file
    threads = settings.threads or len(os.sched_getaffinity(0))
    sessions = {name: session(name, file(name), threads) for name in MODELS}
    batches = {
        LEUKOCYTES: settings.leukocyte_batches[-1],
        ERYTHROCYTES: settings.erythrocyte_batches[-1],
        PLASMODIUM: settings.plasmodium_batches[-1],
    }

    def decode(work: Work) -> None:
        for jpeg in work.jpegs:
            simplejpeg.decode_jpeg(jpeg, colorspace="RGB", strict=True)

    def infer(work: Work) -> None:
        for tile in work.tiles:
            sessions["detector"].run(None, {"image": tile[None]})
        for name, crops in work.crops.items():
            for start in range(0, len(crops), batches[name]):
                sessions[name].run(None, {"crops": crops[start : start + batches[name]]})

    def encode(work: Work) -> None:
        for crop in work.evidence:
            simplejpeg.encode_jpeg(np.ascontiguousarray(crop), quality=settings.crop_quality, colorsubsampling="444")

    return {"decode": decode, "infer": infer, "encode": encode}


def _handled(handlers: AnalysisHandlers, messages: list[Received], settings: AnalysisSettings) -> None:
    sink = io.BytesIO()
    for start in range(0, len(messages), settings.tiles_per_batch):
        for answer in handlers.tiles(messages[start : start + settings.tiles_per_batch]):
            sink.write(answer.value.SerializeToString())


def _seconds(run: Callable[[], None]) -> Times:
    started = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - started[0], time.process_time() - started[1]


if __name__ == "__main__":
    main()
