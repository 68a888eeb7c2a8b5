"""Serves `model.onnx` of its version through Triton's Python backend, where the ONNX Runtime backend is not to be had.

Takes the same configuration as that backend. Batches of several requests run as one.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as triton


class TritonPythonModel:
    """One instance of one version."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the weights. Raises TritonModelException when they are not those of the version's description."""
        config = json.loads(args["model_config"])
        parameters = {key: value["string_value"] for key, value in config["parameters"].items()}
        graph = Path(args["model_repository"]) / args["model_version"] / "model.onnx"
        weights = graph.read_bytes()
        _require(weights, parameters.get(f"card.{args['model_version']}"))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(parameters.get("intra_op_thread_count", 0))
        options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        # A memory plan for every size of batch ever met would let memory grow.
        options.enable_mem_pattern = False
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
        self._inputs = [node.name for node in self._session.get_inputs()]
        self._outputs = [node.name for node in self._session.get_outputs()]

    def execute(self, requests: list[Any]) -> list[Any]:
        """One response for each request, in order."""
        feeds = [
            {name: triton.get_input_tensor_by_name(request, name).as_numpy() for name in self._inputs}
            for request in requests
        ]
        together = {name: _joined([feed[name] for feed in feeds]) for name in self._inputs}
        values = self._session.run(self._outputs, together)
        ends = np.cumsum([len(feed[self._inputs[0]]) for feed in feeds])[:-1]
        return [
            triton.InferenceResponse([triton.Tensor(*named) for named in zip(self._outputs, parts, strict=True)])
            for parts in zip(*(np.split(value, ends) for value in values), strict=True)
        ]


def _joined(arrays: list[np.ndarray]) -> np.ndarray:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _require(weights: bytes, card: str | None) -> None:
    found = hashlib.sha256(weights).hexdigest()
    if card is None or json.loads(card)["sha256"] != found:
        raise triton.TritonModelException(f"no description in config.pbtxt is of these weights (sha256 {found})")
