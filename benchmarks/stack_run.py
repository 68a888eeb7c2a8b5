"""Measures the production engine beside the embedded one, and what it costs when it has nothing to do.

`python -m benchmarks.stack_run`: the same slides go through the embedded Frottis and then through the stack (Kafka,
PostgreSQL, Triton, S3, each service a process), both ready before the first slide comes; the clock runs until the LIS
has the last report. Goals: the stack takes at most 1.25 times as long; a tile with all its cells takes at most 64 kB
of Kafka's log; the empty stack uses at most 5 % of a core.
"""

import logging
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from services.embedded.assembly import Address
from services.embedded.demo import Engine, embedded
from services.kit.telemetry import configure_logging
from services.kit.topics import topics
from services.simulator.composer import Film, Recipe, compose_film
from services.simulator.lis import LisSimulator
from services.simulator.slide import write_film
from stack.deployment import Deployment

SLIDES = 3
SETTLING_S, IDLE_S = 15.0, 60.0
GOAL, MOST_KB_PER_TILE, MOST_IDLE_PERCENT = 1.25, 64.0, 5.0
PACE = {"FROTTIS_INGESTION_SETTLE_S": "0", "FROTTIS_INGESTION_POLL_S": "0.5"}


def main() -> None:
    """Print the three."""
    configure_logging(level=logging.ERROR)
    os.environ.update(PACE)
    film = compose_film(Recipe(width_px=8000, height_px=6000, clumps=0))
    with tempfile.TemporaryDirectory() as folder:
        alone = _embedded(film, Path(folder) / "alone")
        with LisSimulator() as lis:
            share = _made(Path(folder) / "share")
            deployment = Deployment(Path(folder) / "state", share, Address(*lis.address))
            with deployment.running(lambda line: print(line, file=sys.stderr)) as engine:
                together = _through(engine, lis, film, share)
                kilobytes = _kilobytes_per_tile(deployment)
                print(f"{SLIDES} slides: embedded {alone:.1f} s, stack {together:.1f} s, ", end="")
                print(f"ratio {together / alone:.2f} (goal {GOAL})")
                print(f"Kafka's log: {kilobytes:.1f} kB for each tile (goal {MOST_KB_PER_TILE:.0f})", flush=True)
                time.sleep(SETTLING_S)
                used = _idle(deployment)
    services = sum(percent for name, percent in used.items() if name in deployment.services)
    print("empty: " + ", ".join(f"{name} {percent:.1f} %" for name, percent in used.items()))
    print(
        f"empty: services {services:.1f} % of a core, all {sum(used.values()):.1f} % (goal {MOST_IDLE_PERCENT:.0f} %)"
    )


def _embedded(film: Film, folder: Path) -> float:
    share = _made(folder / "share")
    with LisSimulator() as lis, embedded(folder / "state", share, Address(*lis.address)) as engine:
        engine.wait(SETTLING_S)
        return _through(engine, lis, film, share)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _through(engine: Engine, lis: LisSimulator, film: Film, share: Path) -> float:
    """Seconds from the slides on the share to the LIS's answer for the last."""
    scanner = share.with_name(f"{share.name}-scanner")
    for number in range(SLIDES):
        lis.send_order((engine.orders.host, engine.orders.port), f"BENCH-{number}", placer=f"ORDER-{number}")
        write_film(film, scanner, f"slide{number}", f"BENCH-{number}")
    started = time.perf_counter()
    for path in sorted(scanner.iterdir()):
        path.rename(share / path.name)
    while not lis.record.wait_until(lambda reports: len({report.placer for report in reports}) == SLIDES, 0.5):
        engine.wait(0.0)
    return time.perf_counter() - started


def _kilobytes_per_tile(deployment: Deployment) -> float:
    """What stands in Kafka's log of all topics, by the tiles that went through."""
    data = deployment.servers.kafka.folder / "data"
    held = sum(log.stat().st_size for topic in topics() for log in data.glob(f"{topic}-*/*.log"))
    tiles = deployment.servers.s3.objects.rglob("tiles/*.jpg")
    return held / 1e3 / sum(1 for _ in tiles)


def _idle(deployment: Deployment) -> Mapping[str, float]:
    """Per cent of a core, by process."""
    servers = deployment.servers
    sessions = {name: service.pid for name, service in deployment.services.items()} | {
        "Kafka": servers.kafka.pid,
        "PostgreSQL": servers.postgres.pid,
        "Triton": servers.triton.process.pid,
        "S3": servers.s3.pid,
    }
    before, since = _seconds(), time.monotonic()
    time.sleep(IDLE_S)
    after, took = _seconds(), time.monotonic() - since
    return {name: 100 * (after.get(pid, 0.0) - before.get(pid, 0.0)) / took for name, pid in sessions.items()}


def _seconds() -> Mapping[int, float]:
    """Processor time so far, by session: a server's own, and that of all it started."""
    used: dict[int, float] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        session, user, system = (int(fields[index]) for index in (3, 11, 12))
        used[session] = used.get(session, 0.0) + (user + system) / os.sysconf("SC_CLK_TCK")
    return used


if __name__ == "__main__":
    main()
