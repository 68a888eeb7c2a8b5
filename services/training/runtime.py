"""Runs exported models as the service does, for calibration, evaluation and timing."""

import os
import platform
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from services.training.errors import ModelFileError

Floats = npt.NDArray[np.float32]


class Model:
    """An ONNX model on the CPU."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        if not path.exists():
            raise ModelFileError(f"{path.parent.parent.name}: no model file; train it first")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.input = self._session.get_inputs()[0]
        self.outputs = self._session.get_outputs()

    def __call__(self, images: npt.NDArray[np.uint8]) -> list[Floats]:
        """The outputs for a batch of uint8 images."""
        return list(self._session.run(None, {self.input.name: images}))

    def seconds_each(self, batch: int, rounds: int = 7) -> float:
        """The least time for one image of a batch, of some rounds, on random pixels."""
        shape = (batch, *self.input.shape[1:])
        images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        taken = []
        for _ in range(rounds):
            started = time.perf_counter()
            self(images)
            taken.append(time.perf_counter() - started)
        return min(taken) / batch


def machine() -> str:
    """The processor and how many of its cores there are, for the record."""
    name = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        names = [line.split(":", 1)[1].strip() for line in information.read_text().splitlines() if "model name" in line]
        name = names[0] if names else name
    return f"{name}, {os.cpu_count()} cores"
