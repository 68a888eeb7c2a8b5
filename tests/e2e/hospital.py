"""A whole Frottis in this process, between a share and a simulated LIS."""

import json
import os
import shutil
import time
from contextlib import contextmanager
from urllib.error import HTTPError
from urllib.request import urlopen

import fastapi.dependencies.models
import pytest

from services.embedded.assembly import Address, Options, orders_address
from services.embedded.running import running
from services.simulator.lis import LisSimulator

LOCAL = Address("127.0.0.1", 0)
LIMIT_S = 240

# A few fields of a film are enough, and nothing waits longer than it must.
PACE = {
    "FROTTIS_INGESTION_SETTLE_S": "0.3",
    "FROTTIS_INGESTION_POLL_S": "0.1",
    "FROTTIS_INGESTION_ERYTHROCYTES": "300",
    "FROTTIS_INGESTION_CLUMP_FIELDS": "1",
    "FROTTIS_REASONING_ERYTHROCYTES": "300",
    "FROTTIS_LIS_ACK_TIMEOUT_S": "1",
    "FROTTIS_LIS_RETRY_FIRST_S": "0.1",
    "FROTTIS_LIS_RETRY_LONGEST_S": "0.5",
}


@contextmanager
def opened(folder):
    """A hospital in `folder`, with an LIS, at a pace for tests."""
    with pytest.MonkeyPatch.context() as environment, LisSimulator() as lis:
        for name, value in PACE.items():
            environment.setenv(name, value)
        yield Hospital(folder, lis)


def put(slide, share, name=None):
    """The slide on the share at once, under its own name or another."""
    stem = name or slide.stem
    shutil.copytree(slide.with_name(f"_{slide.stem}_"), share / f"_{stem}_")
    shutil.copy(slide, share / f"{stem}.vsi")
    return f"{stem}.vsi"


class Hospital:
    """A share, an LIS and a state folder; `running` starts Frottis between them."""

    def __init__(self, folder, lis):
        self.share, self.state, self.lis = folder / "share", folder / "state", lis
        self.share.mkdir()

    def options(self, listen=LOCAL):
        return Options(self.share, self.state, Address(*self.lis.address), listen, LOCAL)

    @contextmanager
    def running(self):
        try:
            with running(self.options()) as (process, worklist):
                address = orders_address(process)
                self.process, self.worklist, self.orders = process, worklist, (address.host, address.port)
                yield self
        finally:
            forget_endpoints()

    def order(self, specimen="A1234", placer="ORDER-1", **more):
        return self.lis.send_order(self.orders, specimen, placer=placer, **more)

    def entry(self, scan):
        return next((entry for entry in self.worklist.entries() if entry.scan == scan), None)

    def wait_for(self, scan, *states):
        """The scan's entry once it is in one of `states` and, where these are ends, the LIS has answered."""

        def there():
            entry = self.entry(scan)
            return entry if entry and entry.standing.state in states and self._settled(entry) else None

        return self.wait(there, f"{scan} to be {' or '.join(states)}")

    def wait(self, there, what):
        deadline = time.monotonic() + LIMIT_S
        while not self.process.runner.stopping.wait(0.05):
            if found := there():
                return found
            assert time.monotonic() < deadline, f"waited {LIMIT_S} s for {what}: {self.worklist.entries()}"
        self.process.close()
        raise AssertionError("Frottis stopped")

    def reports(self, placer):
        """What the LIS has of one order, in the order of arrival."""
        return [report for report in self.lis.record.reports if report.placer == placer]

    def metric(self, name, **labels):
        """A sample of the process's metrics; 0 before it was first counted."""
        return self.process.metrics.registry.get_sample_value(name, labels) or 0.0

    def ask(self, path):
        """Status and text of an answer of the operations server."""
        try:
            with urlopen(f"http://127.0.0.1:{self.process.operations.bound_port}{path}") as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def not_ready(self):
        """What `/readyz` waits for, by service and name; empty when all are ready."""
        status, text = self.ask("/readyz")
        return {} if status == 200 else json.loads(text)

    @staticmethod
    def _settled(entry):
        return entry.delivered or not entry.standing.state.ended


def forget_endpoints():
    """FastAPI remembers every endpoint for good, and through those of `/readyz` the models of a Frottis that has ended."""
    for remembering in vars(fastapi.dependencies.models).values():
        if hasattr(remembering, "cache_clear"):
            remembering.cache_clear()


def environment():
    """The environment of a `frottis run` at the pace of tests."""
    return {**os.environ, **PACE}
