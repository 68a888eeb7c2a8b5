"""Processes of Frottis over Kafka, by their settings alone."""

import json
import subprocess
import sys
import threading

import httpx
import pytest

from services.kit.contracts import Tile
from services.kit.errors import PoisonError
from services.kit.kafka import KafkaSettings, ensure_topics
from services.kit.kafka.names import Names
from services.kit.process import Process, ProcessSettings
from services.kit.service import Service, Subscription
from services.kit.transport import Outgoing, each

PATIENCE_S = 120


@pytest.fixture
def wired(kafka, tmp_path, monkeypatch, request):
    """An environment on the shared broker, over TLS with a password, behind a prefix of the test's own."""
    password = tmp_path / "password"
    password.write_text(kafka.user.password)
    told = {
        "FROTTIS_PROCESS_TRANSPORT": "kafka",
        "FROTTIS_KAFKA_BOOTSTRAP_SERVERS": kafka.secure_servers,
        "FROTTIS_KAFKA_CA_FILE": str(kafka.certificate_file),
        "FROTTIS_KAFKA_USER": kafka.user.name,
        "FROTTIS_KAFKA_PASSWORD_FILE": str(password),
        "FROTTIS_KAFKA_REPLICATION": "1",
        "FROTTIS_KAFKA_PREFIX": f"{request.node.name[:40]}.",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    return Names(told["FROTTIS_KAFKA_PREFIX"])


def opened(folder, name, **parts):
    return Process(ProcessSettings.load(state=folder), {name: lambda _: Service(name, **parts)})


def python(*arguments):
    return subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def test_two_replicas_with_a_folder_each_share_the_work(wired, tmp_path):
    ensure_topics(KafkaSettings.load())
    seen, both = {"a": set(), "b": set()}, threading.Event()

    def note(name):
        def handle(tile):
            seen[name].add(tile.tile_id)
            if len(seen["a"] | seen["b"]) == 200 and all(seen.values()):
                both.set()
            return []

        return (Subscription("tiles", each(handle), 10),)

    replicas = [opened(tmp_path / name, "analysis", subscriptions=note(name)) for name in "ab"]
    for replica in replicas:
        replica.start()
    try:
        tiles = [Outgoing("tiles", f"k{n}", Tile(tile_id=str(n))) for n in range(200)]
        # A replica has its partitions once it has worked: before that, the other takes all.
        replicas[0].transport.producer().send(tiles)
        while not both.wait(1.0):
            assert not any(replica.runner.stopping.is_set() for replica in replicas)
            replicas[0].transport.producer().send(tiles)
    finally:
        for replica in replicas:
            replica.close()
    assert not list(tmp_path.glob("*/messages.db*"))


def test_readiness_and_gauges_say_how_kafka_is(wired, tmp_path):
    process = opened(tmp_path / "state", "analysis")
    process.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{process.operations.bound_port}", timeout=PATIENCE_S) as client:
            assert "have them made" in client.get("/readyz").json()["process/kafka"]
            made = python("-m", "services.kit.make_topics")
            assert (made.returncode, '"differences": 0' in made.stderr) == (0, True), made.stderr
            assert client.get("/readyz").json() == {"status": "ready"}
            process.transport.producer().send([Outgoing("tiles", "k", Tile(tile_id="a"))])
            gauge = 'frottis_queue_messages{service="analysis",topic="tiles"} 1.0'
            while gauge not in (told := client.get("/metrics").text):
                assert not process.runner.stopping.wait(0.2)
        assert 'service="reasoning"' not in told
    finally:
        process.close()


def test_a_topic_that_differs_from_the_registry_is_told_and_left(wired, kafka):
    name = wired.topic("orders")
    kafka.tool("org.apache.kafka.tools.TopicCommand", "--create", "--topic", name, "--partitions", "1")
    told = python("-m", "services.kit.make_topics")
    assert told.returncode == 0, told.stderr
    warnings = [line for line in map(json.loads, told.stderr.splitlines()) if line["level"] == "warning"]
    assert f"topic {name}: number of partitions is 1, and the registry says 6" in [w["difference"] for w in warnings]


def test_dead_letters_of_kafka_are_listed_and_replayed_by_the_command(wired, tmp_path):
    ensure_topics(KafkaSettings.load())
    rejected, mended, again = threading.Event(), threading.Event(), threading.Event()

    def handle(tile):
        if mended.is_set():
            again.set()
            return []
        raise PoisonError("not a JPEG")

    def tell(message, reason):
        rejected.set()
        return []

    process = opened(tmp_path / "state", "analysis", subscriptions=(Subscription("tiles", each(handle), 1, tell),))
    process.start()
    try:
        process.transport.producer().send([Outgoing("tiles", "k", Tile(tile_id="a"))])
        assert rejected.wait(PATIENCE_S)
        command = ["-m", "services.embedded", "dead-letters"]
        while not process.transport.dead_letters().list():
            assert not process.runner.stopping.wait(0.1)
        [letter] = json.loads(python(*command, "list", "--json", "--state", tmp_path / "none").stdout)
        assert (letter["service"], letter["topic"], letter["reason"]) == ("analysis", "tiles", "not a JPEG")
        mended.set()
        replayed = python(*command, "replay", letter["id"], "--state", tmp_path / "none")
        assert replayed.returncode == 0, replayed.stderr
        assert again.wait(PATIENCE_S)
    finally:
        process.close()
