"""Measures workers of the analysis service on a backlog: how soon one is at its full rate, and what a second one adds.

`python -m benchmarks.tile_backlog`: 10,000 tiles of real cells wait on Kafka; a worker with one thread starts on them,
then a second one. Goals: the first is at its full rate 5 s after it is ready; two together are at least 1.8 times as
fast as one.
"""

import tempfile
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import simplejpeg
from kafka import KafkaConsumer
from kafka.structs import TopicPartition

from services.analysis.pixels import CANONICAL_UM_PER_PX, TILE, TILE_CORE, TILE_MARGIN
from services.ingestion.tiles.cutting import JPEG_QUALITY
from services.kit.clock import SystemClock, to_timestamp
from services.kit.contracts import Question, Region, Slide, Tile
from services.kit.kafka import KafkaSettings, KafkaTransport, ensure_topics
from services.kit.kafka.connection import client_arguments
from services.kit.kafka.sockets import connected
from services.kit.objects import Objects
from services.kit.topics import topics
from services.kit.transport import Outgoing
from services.simulator.composer.film import compose_field
from services.simulator.composer.recipe import FieldRecipe
from stack.frottis import FrottisService
from stack.kafka import Kafka, User
from stack.s3 import S3Server
from stack.servers import started

TILES, PICTURES, SLIDES = 10_000, 8, 20
START_S, STEADY_S = 5.0, 40.0
GOAL_START, GOAL_WORKERS = 0.9, 1.8
JOINING_S = 20.0


def main() -> None:
    """Print the two."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kafka, s3 = Kafka(folder / "kafka", User("frottis", "benchmark-of-tiles")), S3Server(folder / "s3")
        with started(kafka, s3):
            settings = KafkaSettings.load(**kafka.given())
            ensure_topics(settings)
            _fill(settings, Objects.in_bucket(s3.settings()))
            environment = {
                "FROTTIS_PROCESS_TRANSPORT": "kafka",
                **{f"FROTTIS_KAFKA_{key.upper()}": str(value) for key, value in kafka.given().items()},
                **s3.environment(),
                "FROTTIS_ANALYSIS_THREADS": "1",
            }
            workers = [FrottisService("analysis", folder / "services", environment, number) for number in (1, 2)]
            _measure(settings, *workers)


def _measure(settings: KafkaSettings, first: FrottisService, second: FrottisService) -> None:
    with closing(_reader(settings)) as cells, first:
        time.sleep(START_S)
        early, alone = _rate(cells, STEADY_S / 4), _rate(cells, STEADY_S)
        print(
            f"one worker, {TILES} tiles waiting: {early:.2f} tiles/s from {START_S:.0f} s after it is ready, ", end=""
        )
        print(f"{alone:.2f} later, ratio {early / alone:.2f} (goal {GOAL_START})", flush=True)
        with second:
            time.sleep(JOINING_S)
            both = _rate(cells, STEADY_S)
    print(f"two workers: {both:.2f} tiles/s, {both / alone:.2f} times one (goal {GOAL_WORKERS})")


def _rate(cells: Any, seconds: float) -> float:
    """Tiles read in a second, of the next so many."""
    before, since = _read(cells), time.perf_counter()
    time.sleep(seconds)
    return (_read(cells) - before) / (time.perf_counter() - since)


def _read(cells: Any) -> int:
    return sum(cells.end_offsets(list(cells.assignment())).values())


def _reader(settings: KafkaSettings) -> Any:
    reader = connected(KafkaConsumer, {**client_arguments(settings), "group_id": None})
    reader.assign([TopicPartition("cells", number) for number in range(topics()["cells"].partitions)])
    return reader


def _fill(settings: KafkaSettings, objects: Objects) -> None:
    """All tiles, of several slides, over a few pictures."""
    uris = [objects.put(f"slides/bench/tiles/{number}.jpg", _jpeg(number)) for number in range(PICTURES)]
    deadline = SystemClock().now() + timedelta(hours=1)
    side, margin = TILE * CANONICAL_UM_PER_PX, TILE_MARGIN * CANONICAL_UM_PER_PX
    core = TILE_CORE * CANONICAL_UM_PER_PX
    with closing(KafkaTransport(settings)) as transport:
        messages = []
        for number in range(TILES):
            slide = f"bench-{number % SLIDES}"
            tile = Tile(
                slide=Slide(slide_id=slide, specimen=slide, deadline=to_timestamp(deadline)),
                round=1,
                tile_id=f"{slide}-{number}",
                uri=uris[number % PICTURES],
                um_per_px=CANONICAL_UM_PER_PX,
                region=Region(width_um=side, height_um=side),
                core=Region(x_um=margin, y_um=margin, width_um=core, height_um=core),
                questions=[Question.QUESTION_LEUKOCYTES, Question.QUESTION_ERYTHROCYTES],
            )
            messages.append(Outgoing("tiles", f"{slide}-{number}", tile, deadline))
        transport.producer().send(messages)


def _jpeg(seed: int) -> bytes:
    image = compose_field(FieldRecipe(width_px=TILE, height_px=TILE, seed=seed)).image
    return simplejpeg.encode_jpeg(image, quality=JPEG_QUALITY, colorsubsampling="444")


if __name__ == "__main__":
    main()
