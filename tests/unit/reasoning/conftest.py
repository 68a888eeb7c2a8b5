"""Fixtures of the reasoning service's tests."""

import pytest

from services.reasoning.knowledge import Knowledge, load_knowledge
from tests.unit.reasoning.smears import Bench


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    return load_knowledge()


@pytest.fixture
def make_bench(tmp_path, knowledge):
    benches = []

    def make(**settings):
        folder = tmp_path / str(len(benches))
        benches.append(Bench(folder, knowledge, **settings))
        return benches[-1]

    yield make
    for bench in benches:
        bench.database.close()


@pytest.fixture
def bench(make_bench):
    return make_bench()
