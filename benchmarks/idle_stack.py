"""Measures what the stack costs while there is nothing to do.

`python -m benchmarks.idle_stack`: every service and server as a process, with nothing on the share and no word from the
LIS, is started, left alone until it has settled, and watched for a minute: the processor time of each with all that it
started, as a share of a core, and how often its threads were woken. Prometheus asks at its pace of production. Goal: at
most 5 % of a core in all.
"""

import logging
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from services.embedded.assembly import Address
from services.kit.telemetry import configure_logging
from services.simulator.lis import LisSimulator
from stack.deployment import Deployment
from stack.prometheus import PRODUCTION

# Compilers, caches and rebalances have come to rest by then.
SETTLING_S, WATCHED_S = 90.0, 60.0
MOST_PERCENT = 5.0
# Processor time (s) and wakings so far.
Usage = tuple[float, int]


def main() -> None:
    """Print a line for each process, and the sum."""
    configure_logging(level=logging.ERROR)
    with tempfile.TemporaryDirectory() as folder, LisSimulator() as lis:
        share = Path(folder) / "share"
        share.mkdir()
        deployment = Deployment(Path(folder) / "state", share, Address(*lis.address), asked=PRODUCTION)
        with deployment.running(lambda line: print(line, file=sys.stderr)):
            time.sleep(SETTLING_S)
            watched = _watched(_processes(deployment))
    for name, (percent, wakings) in watched.items():
        print(f"{name:12} {percent:6.2f} % of a core, {wakings:7.1f} wakings a second")
    services = sum(watched[name][0] for name in deployment.services)
    everything = sum(percent for percent, _ in watched.values())
    print(f"empty: services {services:.1f} % of a core, all {everything:.1f} % (goal {MOST_PERCENT:.0f} %)")


def _processes(deployment: Deployment) -> Mapping[str, int]:
    servers = deployment.servers
    return {name: service.pid for name, service in deployment.services.items()} | {
        "Kafka": servers.kafka.pid,
        "PostgreSQL": servers.postgres.pid,
        "Triton": servers.triton.process.pid,
        "S3": servers.s3.pid,
        "Prometheus": deployment.prometheus.pid,
    }


def _watched(processes: Mapping[str, int]) -> Mapping[str, tuple[float, float]]:
    """Per cent of a core and wakings a second, by process."""
    before, since = _used(processes), time.monotonic()
    time.sleep(WATCHED_S)
    after, took = _used(processes), time.monotonic() - since
    return {
        name: (100 * (after[name][0] - before[name][0]) / took, (after[name][1] - before[name][1]) / took)
        for name in processes
    }


def _used(processes: Mapping[str, int]) -> Mapping[str, Usage]:
    children = defaultdict(list)
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            children[int(_status(process)[1])].append(int(process.name))
    return {name: _sum(map(_usage, _family(pid, children))) for name, pid in processes.items()}


def _family(pid: int, children: Mapping[int, list[int]]) -> Iterator[int]:
    """The process and those below it: not by session or group, which PostgreSQL's own leave."""
    yield pid
    for child in children.get(pid, ()):
        yield from _family(child, children)


def _usage(pid: int) -> Usage:
    """Of one process, and of its children that have ended."""
    process = Path(f"/proc/{pid}")
    with suppress(OSError):
        ticks = sum(map(int, _status(process)[11:15]))
        return ticks / os.sysconf("SC_CLK_TCK"), sum(map(_switches, process.glob("task/*/status")))
    return 0.0, 0


def _status(process: Path) -> list[str]:
    """The fields of proc(5)'s `stat` behind the name, which may hold anything: state, parent, …"""
    return (process / "stat").read_text("ascii", "replace").rpartition(")")[2].split()


def _switches(status: Path) -> int:
    with suppress(OSError):
        lines = dict(line.split(":", 1) for line in status.read_text("ascii", "replace").splitlines())
        return int(lines["voluntary_ctxt_switches"])
    return 0


def _sum(usages: Iterator[Usage]) -> Usage:
    seconds, wakings = zip(*usages, strict=True)
    return sum(seconds), sum(wakings)


if __name__ == "__main__":
    main()
