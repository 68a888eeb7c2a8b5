import base64
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analysis.errors import ModelUnusable
from services.analysis.onnx_runtime import OnnxModel, OnnxRuntime
from services.analysis.runtime import batch_plan, padded

GRAPH = base64.b64decode(
    "CAg63QEKGwoFY3JvcHMSAWYiBENhc3QqCQoCdG8YAaABAgosCgFmCgRheGVzEgRtZWFuIgpSZWR1Y2VNZWFuKg8KCGtlZXBkaW1z"
    "GACgAQIKLgoFY3JvcHMSBHNpemUiBVNoYXBlKgoKA2VuZBgBoAECKgwKBXN0YXJ0GACgAQISBG1lYW4qDwgDEAc6AwECA0IEYXhl"
    "c1ogCgVjcm9wcxIXChUIAhIRCgMSAU4KAggECgIIBAoCCANiEwoEbWVhbhILCgkIARIFCgMSAU5iEgoEc2l6ZRIKCggIBxIECgII"
    "AUIECgAQEg=="
)
"""ONNX: crops uint8 [N, 4, 4, 3] → mean float32 [N], size int64 [1]: the number of items that the graph itself saw."""

sizes = st.lists(st.integers(1, 64), min_size=1, max_size=4, unique=True).map(lambda found: tuple(sorted(found)))


@given(count=st.integers(0, 500), sizes=sizes)
def test_a_plan_covers_every_item_once_in_order_at_fixed_sizes(count, sizes):
    plan = batch_plan(count, sizes)
    assert [item for start, stop, _ in plan for item in range(start, stop)] == list(range(count))
    assert all(size in sizes and stop - start <= size for start, stop, size in plan)


@given(count=st.integers(1, 500), sizes=sizes)
def test_only_the_last_batch_of_a_plan_is_padded_and_as_little_as_can_be(count, sizes):
    *whole, (start, stop, size) = batch_plan(count, sizes)
    assert all(stop - start == size == sizes[-1] for start, stop, size in whole)
    assert size == min(one for one in sizes if one >= stop - start)


def test_padding_repeats_the_last_item():
    assert padded(np.array([[1], [2]]), 4).tolist() == [[1], [2], [2], [2]]
    whole = np.array([[1], [2]])
    assert padded(whole, 2) is whole


@pytest.fixture
def graph(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(GRAPH)
    return path


@pytest.mark.parametrize("count", [1, 3, 4, 5, 11])
def test_results_are_those_of_the_items_alone_whatever_the_batch(graph, count):
    crops = np.random.default_rng(count).integers(0, 256, (count, 4, 4, 3), np.uint8)
    runtime = OnnxRuntime({"mean": OnnxModel(graph, (1, 4))}, threads=1)
    together = runtime.infer("mean", {"crops": crops})["mean"]
    alone = np.concatenate([runtime.infer("mean", {"crops": crop[None]})["mean"] for crop in crops])
    assert together.shape == (count,)
    assert np.array_equal(together, alone)
    assert together == pytest.approx(crops.mean(axis=(1, 2, 3)))


def test_a_graph_is_run_at_its_fixed_batch_sizes_only(graph):
    runtime = OnnxRuntime({"mean": OnnxModel(graph, (2, 4))}, threads=1)
    sizes = [set(runtime.infer("mean", {"crops": np.zeros((n, 4, 4, 3), np.uint8)})["size"]) for n in range(1, 12)]
    assert set.union(*sizes) == {2, 4}


def test_a_runtime_is_warm_after_warming_or_first_use(graph):
    runtime = OnnxRuntime({"mean": OnnxModel(graph, (1,))}, threads=1)
    assert not runtime.is_warm
    runtime.infer("mean", {"crops": np.zeros((1, 4, 4, 3), np.uint8)})
    assert runtime.is_warm


def test_threads_may_warm_and_use_a_runtime_at_once(graph):
    runtime = OnnxRuntime({"mean": OnnxModel(graph, (1, 4))}, threads=1)
    results = []
    crops = np.full((6, 4, 4, 3), 7, np.uint8)
    threads = [
        threading.Thread(target=lambda: results.append(runtime.infer("mean", {"crops": crops}))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result["mean"].tolist() for result in results] == [[7.0] * 6] * 4


def test_a_file_that_is_no_graph_is_refused(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"not a graph")
    with pytest.raises(ModelUnusable, match="mean"):
        OnnxRuntime({"mean": OnnxModel(path, (1,))}).warm()
