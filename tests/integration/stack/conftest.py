"""Frottis as a hospital runs it, between a share and a simulated LIS, at a pace for tests."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from services.embedded.assembly import Address
from services.embedded.demo import Engine
from services.simulator.lis import LisSimulator
from stack.deployment import Deployment
from stack.missing import ServerMissing
from tests.collector import Collector
from tests.e2e.hospital import PACE


@dataclass
class Hospital:
    """What the tests of this folder share; each keeps to specimens of its own."""

    deployment: Deployment
    engine: Engine
    lis: LisSimulator
    share: Path
    traces: Collector


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    """Not of the session: the pace would be that of every test that comes after."""
    folder = tmp_path_factory.mktemp("stack")
    share = folder / "share"
    share.mkdir()
    with pytest.MonkeyPatch.context() as environment, LisSimulator() as lis, Collector() as traces:
        for name, value in PACE.items():
            environment.setenv(name, value)
        # For the services alone, and no embedded engine that a test compares them with.
        environment.setenv("FROTTIS_TRACING_ENDPOINT", traces.endpoint)
        try:
            deployment = Deployment(folder / "state", share, Address(*lis.address))
        except ServerMissing as missing:
            pytest.skip(str(missing))
        environment.delenv("FROTTIS_TRACING_ENDPOINT")
        told = []
        with deployment.running(told.append) as engine:
            yield Hospital(deployment, engine, lis, share, traces)
