"""A worker in a process of its own, to be killed or frozen: handles tiles and tells what it did, a line each.

    python -m tests.integration.kafka_worker <settings as JSON> <partitions> <messages to hold on to>

It says `handled <tile>` before it commits a message, `committed` once Kafka knows of all it committed so far, and after
the messages that it commits it takes as many as it is told and holds on to them, having said `holds <tile>` for each.
"""

import json
import signal
import sys
from dataclasses import replace

from services.kit.kafka import KafkaSettings, KafkaTransport
from services.kit.topics import topics


def main() -> None:
    settings, partitions, to_commit = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    registry = {"tiles": replace(topics()["tiles"], partitions=partitions)}
    consumer = KafkaTransport(KafkaSettings(**json.loads(settings)), registry).consumer("analysis", ["tiles"])
    handled = 0
    while handled < to_commit:
        for message in consumer.poll(10, 1.0):
            say("handled", message.value.tile_id)
            consumer.commit([message])
            handled += 1
    if consumer.flushed(60.0):
        say("committed")
    held: list[str] = []
    while len(held) < 5:
        for message in consumer.poll(5 - len(held), 1.0):
            held.append(message.value.tile_id)
            say("holds", held[-1])
    say("waits")
    signal.pause()


def say(*words: str) -> None:
    print(*words, flush=True)  # noqa: T201 - this is how the test hears of it


if __name__ == "__main__":
    main()
