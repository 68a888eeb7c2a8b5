"""Models run in this process by onnxruntime, on the CPU."""

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from services.analysis.errors import ModelUnusable
from services.analysis.runtime import Arrays, batch_plan, padded
from services.kit.tracing.current import span


@dataclass(frozen=True)
class OnnxModel:
    """A graph and the batch sizes, ascending, that it is ever run at."""

    path: Path
    batch_sizes: tuple[int, ...]


class OnnxRuntime:
    """Sessions for `models` by name, loaded and warmed at first use. Safe for use by several threads.

    Every run has one of the model's fixed batch sizes, the last padded: onnxruntime keeps its working memory for each
    shape it has met, so free sizes would let memory grow with the number of different batches.
    """

    def __init__(self, models: Mapping[str, OnnxModel], threads: int = 0) -> None:
        self._models = models
        self._threads = threads or len(os.sched_getaffinity(0))
        self._sessions: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._warm = False

    @property
    def is_warm(self) -> bool:
        return self._warm

    def warm(self) -> None:
        """Load every model and run it once at each batch size. Raises ModelUnusable."""
        with self._lock:
            if self._warm:
                return
            for name, model in self._models.items():
                self._sessions[name] = session(name, model.path, self._threads)
                self._warm_up(name, model)
            self._warm = True

    def infer(self, model: str, inputs: Arrays) -> Arrays:
        """The outputs for all items of `inputs`, whatever their number."""
        self.warm()
        loaded = self._sessions[model]
        names = [output.name for output in loaded.get_outputs()]
        count = len(next(iter(inputs.values())))
        with span("infer", model=model, items=count):
            parts = [
                _run(
                    loaded, names, {key: padded(value[start:stop], size) for key, value in inputs.items()}, stop - start
                )
                for start, stop, size in batch_plan(count, self._models[model].batch_sizes)
            ]
        return {name: np.concatenate([part[name] for part in parts]) for name in names}

    def _warm_up(self, name: str, model: OnnxModel) -> None:
        loaded = self._sessions[name]
        names = [output.name for output in loaded.get_outputs()]
        for size in model.batch_sizes:
            blank = {i.name: np.full((size, *i.shape[1:]), 255, np.uint8) for i in loaded.get_inputs()}
            _run(loaded, names, blank, size)


def session(name: str, path: Path, threads: int) -> Any:
    """An onnxruntime session for a graph. Raises ModelUnusable."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    # Three sessions take turns on the same cores: threads of one that spin while they wait slow the other two.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    # onnxruntime's own exceptions share no base but Exception.
    except Exception as error:
        raise ModelUnusable(f"model {name!r}: onnxruntime cannot load {path.name}: {type(error).__name__}") from error


def _run(loaded: Any, names: list[str], inputs: Arrays, count: int) -> dict[str, npt.NDArray[Any]]:
    outputs = loaded.run(names, dict(inputs))
    return {name: output[:count] for name, output in zip(names, outputs, strict=True)}
