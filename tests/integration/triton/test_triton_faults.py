"""Triton away, slow and back: work waits, readiness says why, and it goes on by itself."""

import threading
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from services.analysis.errors import ModelsAway
from services.analysis.models import MODELS
from stack.ports import free_port
from stack.triton import TritonServer


@dataclass(frozen=True)
class Nowhere:
    """A server that nobody started."""

    address: str


def test_it_is_ready_when_every_model_has_answered(triton, client, tiles):
    one = client(triton)
    assert one.readers.waits_for() == "Triton has not answered yet"
    assert one.metric("frottis_models_ready") == 0
    one.keep_ready().until(lambda reason: reason is None)
    assert one.metric("frottis_models_ready") == 1
    for model in MODELS:
        assert one.metric("frottis_model_requests_total", model=model, outcome="answered") >= 1
        assert one.metric("frottis_model_request_seconds_count", model=model) >= 1


def test_no_triton_is_a_reason_to_wait_that_names_the_address(client, tiles):
    server = Nowhere(f"127.0.0.1:{free_port()}")
    one = client(server)
    with pytest.raises(ModelsAway, match=server.address):
        one.readers.current(None)
    assert server.address in one.readers.waits_for()
    assert one.metric("frottis_model_requests_total", model="detector", outcome="failed") == 1


def test_a_server_that_is_killed_in_the_middle_and_comes_back_gives_the_same_cells(triton, client, tiles):
    one = client(triton, triton_timeout_s=60.0).keep_ready()
    one.until(lambda reason: reason is None)
    reader = one.readers.current(None)
    expected = reader.read(tiles[:4])
    killer = threading.Timer(0.3, triton.process.kill)
    killer.start()
    with pytest.raises(ModelsAway):
        for _ in range(50):
            reader.read(tiles[:8])
    killer.join()
    assert "Triton" in one.until(lambda reason: reason is not None)
    assert one.metric("frottis_models_ready") == 0
    with pytest.raises(ModelsAway):
        one.readers.current(None)
    triton.start()
    one.until(lambda reason: reason is None)
    assert one.readers.current(None).read(tiles[:4]) == expected


@contextmanager
def frozen(triton):
    triton.process.freeze()
    try:
        yield
    finally:
        triton.process.thaw()


def test_a_server_that_does_not_answer_is_given_up_and_asked_again(triton, client, tiles):
    one = client(triton, triton_timeout_s=1.0, triton_look_s=60.0)
    reader = one.readers.current(None)
    with frozen(triton), pytest.raises(ModelsAway, match="DEADLINE_EXCEEDED"):
        reader.read(tiles[:1])
    assert one.metric("frottis_model_requests_total", model="detector", outcome="too slow") == 1
    assert "Deadline Exceeded" in one.readers.waits_for()
    patient = client(triton, triton_timeout_s=60.0).keep_ready()
    patient.until(lambda reason: reason is None)
    assert patient.readers.current(None).read(tiles[:1])


def test_models_that_are_still_loading_are_not_ready(tmp_path, client, triton):
    server = TritonServer(tmp_path)
    one = client(server).keep_ready()
    try:
        server.process.launch()
        assert "Triton" in one.until(lambda reason: reason is not None)
        server.process.wait_until_ready()
        one.until(lambda reason: reason is None)
    finally:
        server.stop()
