"""When readers over Triton look again, wait, and how long they let a request take."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from services.analysis.cells import Box, Placement
from services.analysis.errors import ModelChanged, ModelsAway
from services.analysis.models import MODELS, ModelRepository
from services.analysis.settings import AnalysisSettings
from services.analysis.tiles import TilePixels
from services.analysis.triton_client import Served
from services.analysis.triton_runtime import TritonReaders
from services.kit.clock import ManualClock
from services.kit.telemetry import Metrics

START = datetime(2026, 1, 5, 12, tzinfo=UTC)


class OneVersion:
    """Has the committed models as version 1, or fails as told; `allowed_s` are the times given to requests."""

    def __init__(self):
        repository = ModelRepository(AnalysisSettings.load().models)
        self.served = {name: Served("1", repository.card(name), 8, {}) for name in MODELS}
        self.looks = 0
        self.failure = None
        self.allowed_s = []

    def newest(self, model):
        self._fail()
        self.looks += 1
        return self.served[model]

    def infer(self, model, served, inputs, remaining_s):
        self.allowed_s.append(remaining_s())
        self._fail()
        count = len(next(iter(inputs.values())))
        return {"cells": np.zeros((count, 4, 6), np.float32)}

    def _fail(self):
        if self.failure:
            raise self.failure


@pytest.fixture
def triton():
    return OneVersion()


@pytest.fixture
def clock():
    return ManualClock(START)


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def readers(triton, clock, metrics):
    return TritonReaders(triton, clock, metrics, timeout_s=30.0, look_every_s=5.0)


@pytest.fixture
def tend(readers):
    """One turn of the task that keeps the models ready."""

    class Once(threading.Event):
        def wait(self, timeout=None):
            self.set()
            return True

    return lambda: readers.keep_ready(Once())


@pytest.fixture
def ask(readers, tile):
    return lambda deadline=None: readers.current(deadline).read([tile])


@pytest.fixture
def tile(spots):
    return TilePixels(spots(1152, 1152, []), Placement(0, 0, 1, 1), Box(64, 64, 1024, 1024), frozenset())


@pytest.mark.parametrize(
    ("until_deadline_s", "allowed_s"), [(None, 30.0), (3600, 30.0), (12, 12.0), (1, 5.0), (-60, 5.0)]
)
def test_a_request_ends_with_the_deadline_but_a_late_slide_is_still_read(ask, triton, until_deadline_s, allowed_s):
    ask(None if until_deadline_s is None else START + timedelta(seconds=until_deadline_s))
    assert triton.allowed_s == [allowed_s]


def test_versions_are_looked_at_again_when_the_look_is_old(ask, tend, triton, clock):
    tend()
    ask()
    ask()
    assert triton.looks == len(MODELS)
    clock.advance(5.1)
    triton.served["detector"] = replace(triton.served["detector"], version="2")
    ask()
    assert triton.looks == 2 * len(MODELS)


def test_a_failed_request_is_told_and_makes_the_next_batch_look(ask, tend, readers, triton, metrics):
    tend()
    assert (readers.waits_for(), metrics.registry.get_sample_value("frottis_models_ready")) == (None, 1)
    triton.failure = ModelsAway("no answer")
    with pytest.raises(ModelsAway):
        ask()
    assert (readers.waits_for(), metrics.registry.get_sample_value("frottis_models_ready")) == ("no answer", 0)
    triton.failure = None
    ask()
    assert triton.looks == 2 * len(MODELS)
    tend()
    assert (readers.waits_for(), metrics.registry.get_sample_value("frottis_models_ready")) == (None, 1)


def test_a_version_that_went_makes_the_next_batch_look_and_is_no_trouble(ask, tend, readers, triton, tile):
    tend()
    reader = readers.current(None)
    triton.failure = ModelChanged("version 1 is gone")
    with pytest.raises(ModelChanged):
        reader.read([tile])
    assert readers.waits_for() is None
    triton.failure = None
    ask()
    assert triton.looks == 2 * len(MODELS)


def test_it_is_not_ready_before_each_model_has_answered(tend, readers, triton):
    assert readers.waits_for() is not None
    tend()
    assert len(triton.allowed_s) == len(MODELS)
    tend()
    assert len(triton.allowed_s) == len(MODELS)
