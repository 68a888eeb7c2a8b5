"""New versions of the models, taken while the server and its clients run."""

import hashlib
import shutil
import threading

import pytest
import yaml

from services.analysis.cells import UNIDENTIFIED, Kind
from services.analysis.errors import ModelChanged, ModelUnknown
from stack.triton import MODELS, TritonServer

NOTHING_RESEMBLES = -1.0


@pytest.fixture
def next_release(tmp_path):
    """The committed models but for the leukocytes': other bytes, and a card by which no cell resembles training."""
    release = tmp_path / "release"
    shutil.copytree(MODELS, release)
    graph, card = release / "leukocytes" / "1" / "model.onnx", release / "leukocytes" / "model.yaml"
    # Field 6 of ONNX's ModelProto is its documentation.
    graph.write_bytes(graph.read_bytes() + b"\x32\x03new")
    values = yaml.safe_load(card.read_text("utf-8"))
    digest = hashlib.sha256(graph.read_bytes()).hexdigest()
    changed = {**values, "version": "9.9.9", "sha256": digest, "distance": NOTHING_RESEMBLES}
    card.write_text(yaml.safe_dump(changed), "utf-8")
    return release


def leukocytes(reader, tiles):
    """The version and the labels that one batch was read with."""
    labels = {
        cell.verdict.label for cells in reader.read(tiles) for cell in cells if cell.detection.kind == "leukocyte"
    }
    card = reader.models(frozenset({Kind.LEUKOCYTE}))[1]
    return card.version, labels


@pytest.fixture
def few(tiles, client, triton):
    """Tiles in which the committed model names leukocytes."""
    reader = client(triton, triton_timeout_s=300.0).readers.current(None)
    return [next(tile for tile in tiles if leukocytes(reader, [tile])[1] - {UNIDENTIFIED})]


def test_a_new_version_is_taken_without_a_stop_and_results_say_which(own_triton, client, few, next_release):
    server = own_triton()
    one = client(server, triton_timeout_s=60.0)
    readers = one.readers
    version, labels = leukocytes(readers.current(None), few)
    assert labels - {UNIDENTIFIED}
    assert server.install(next_release) == {"detector": 1, "leukocytes": 2, "erythrocytes": 1, "plasmodium": 1}
    loading = threading.Thread(target=server.load, args=("leukocytes",))
    loading.start()
    seen = [(version, labels)]
    for _ in range(500):
        seen.append(leukocytes(readers.current(None), few))
        if seen[-1][0] == "9.9.9":
            break
    loading.join()
    # No request failed on the way, and each batch was judged by the description of the weights that answered.
    assert one.metric("frottis_model_requests_total", model="leukocytes", outcome="failed") is None
    assert seen[-1] == ("9.9.9", {UNIDENTIFIED})
    assert all(result == (version, labels) for result in seen[:-1])


def test_a_batch_under_way_ends_with_the_version_that_it_began_with(own_triton, client, few, next_release):
    server = own_triton()
    reader = client(server, triton_timeout_s=60.0).readers.current(None)
    before = leukocytes(reader, few)
    server.install(next_release)
    server.load("leukocytes")
    assert leukocytes(reader, few) == before


def test_weights_replaced_under_the_same_number_are_noticed(own_triton, client, few, next_release, tmp_path):
    server = own_triton()
    one = client(server, triton_timeout_s=60.0, triton_look_s=60.0)
    reader = one.readers.current(None)
    shutil.rmtree(server.repository / "leukocytes")
    server.install(next_release)
    server.load("leukocytes")
    with pytest.raises(ModelChanged):
        reader.read(few)
    assert leukocytes(one.readers.current(None), few) == ("9.9.9", {UNIDENTIFIED})


def test_a_version_whose_description_cannot_be_used_is_refused(own_triton, client, few, next_release):
    server = own_triton()
    one = client(server, triton_timeout_s=60.0).keep_ready()
    one.until(lambda reason: reason is None)
    config = server.repository / "leukocytes" / "config.pbtxt"
    server.install(next_release)
    whole = config.read_text("utf-8")
    config.write_text(whole.replace('"distance":-1.0', '"distances":-1.0'), "utf-8")
    server.load("leukocytes")
    assert "distance" in one.until(lambda reason: reason is not None)
    with pytest.raises(ModelUnknown, match="version 2"):
        one.readers.current(None)
    config.write_text(whole, "utf-8")
    server.load("leukocytes")
    one.until(lambda reason: reason is None)
    assert leukocytes(one.readers.current(None), few) == ("9.9.9", {UNIDENTIFIED})


def test_weights_that_are_not_those_described_are_not_served(tmp_path, client, triton, next_release):
    server = TritonServer(tmp_path / "own")
    shutil.copy(next_release / "leukocytes" / "1" / "model.onnx", server.repository / "leukocytes" / "1")
    one = client(server).keep_ready()
    try:
        server.process.launch()
        one.until(lambda reason: reason is not None and "leukocytes" in reason)
        assert "no description in config.pbtxt is of these weights" in server.process.log.read_text("utf-8")
    finally:
        server.stop()
