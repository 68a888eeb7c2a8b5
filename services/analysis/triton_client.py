"""Triton over gRPC: which weights it serves, and what they answer."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from services.analysis.cards import ModelCard
from services.analysis.errors import ModelChanged, ModelsAway, ModelUnknown, ModelUnusable
from services.analysis.runtime import Arrays
from services.analysis.triton_config import described
from services.kit.errors import SettingsError
from services.kit.telemetry import Metrics

T = TypeVar("T")

# A question about a model, not to it: answered at once or not at all.
LOOK_TIMEOUT_S = 5.0
_CHANNEL = (
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    # By default gRPC would wait up to two minutes before it tries a server again, and twenty seconds for each try.
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # A server that takes no more bytes (frozen, or cut off) holds a request beyond its own time: gRPC ends a call only
    # once the pixels that it was sending are sent. Keep-alive bounds that too (TCP_USER_TIMEOUT).
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.enable_http_proxy", 0),
)
_TOO_SLOW = "StatusCode.DEADLINE_EXCEEDED"


@dataclass(frozen=True)
class Tls:
    """PEM files: the authorities that the server's certificate must come from, and our own certificate and key."""

    authorities: Path
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True)
class Served:
    """One version of a model as Triton has it: what its numbers mean, and how it is to be asked.

    `shapes` are the outputs' items where they differ from what Triton sends: it knows no item without an axis.
    """

    version: str
    card: ModelCard
    most_items: int
    shapes: Mapping[str, tuple[int, ...]]


class TritonClient:
    """Safe for use by several threads; up to `in_flight` requests at a time."""

    def __init__(self, address: str, tls: Tls | None, in_flight: int, metrics: Metrics) -> None:
        self.address = address
        self._metrics = metrics
        self._pool = ThreadPoolExecutor(in_flight, "analysis-triton")
        self._client = _connected(address, tls)

    def newest(self, model: str) -> Served:
        """The newest version that is ready. Raises ModelsAway, ModelUnknown."""
        metadata = self._ask(model, lambda: self._client.get_model_metadata(model, client_timeout=LOOK_TIMEOUT_S))
        if not metadata.versions:
            raise ModelsAway(f"{self._who(model)} has no version that is ready")
        return self.version(model, max(metadata.versions, key=int))

    def version(self, model: str, version: str) -> Served:
        """That version as it is now. Raises ModelsAway, ModelUnknown."""
        answer = self._ask(model, lambda: self._client.get_model_config(model, version, client_timeout=LOOK_TIMEOUT_S))
        config = answer.config
        try:
            card = described(config, int(version))
        except ModelUnusable as error:
            raise ModelUnknown(f"{self._who(model)}: {error}") from error
        shapes = {output.name: tuple(output.reshape.shape) for output in config.output if output.HasField("reshape")}
        return Served(version, card, config.max_batch_size, shapes)

    def infer(self, model: str, served: Served, inputs: Arrays, remaining_s: Callable[[], float]) -> Arrays:
        """What exactly the version `served` says to the items. `remaining_s` is asked before each request.

        Raises ModelsAway, ModelUnknown, ModelChanged.
        """
        count = len(next(iter(inputs.values())))
        spans = [slice(start, start + served.most_items) for start in range(0, count, served.most_items)]

        def part(span: slice) -> Arrays:
            items = {name: values[span] for name, values in inputs.items()}
            return self._request(model, served, items, remaining_s())

        parts = list(self._pool.map(part, spans))
        # Had weights been replaced under the same number, their description would be another by now.
        if self.version(model, served.version) != served:
            raise ModelChanged(f"{self._who(model)} version {served.version} was replaced while it was asked")
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def close(self) -> None:
        """End the connection."""
        self._pool.shutdown(cancel_futures=True)
        self._client.close()

    def _request(self, model: str, served: Served, items: Arrays, timeout_s: float) -> Arrays:
        """One request. When its time is over gRPC cancels it, so that Triton does not work for one who has gone."""
        fields = {"model_version": served.version, "client_timeout": timeout_s}
        tensors = [_tensor(name, values) for name, values in items.items()]
        with self._metrics.model_request.labels(model).time():
            result = self._ask(model, lambda: self._client.infer(model, tensors, **fields))
        answered = result.get_response().model_version
        if answered != served.version:
            raise ModelChanged(f"{self._who(model)} answered with version {answered}, not {served.version}")
        self._metrics.model_requests.labels(model, "answered").inc()
        return _outputs(result, served)

    def _ask(self, model: str, question: Callable[[], T]) -> T:
        """Whatever keeps Triton from answering may pass or be mended there: the work waits for it."""
        try:
            return question()
        except InferenceServerException as error:
            outcome = "too slow" if error.status() == _TOO_SLOW else "failed"
            self._metrics.model_requests.labels(model, outcome).inc()
            raise ModelsAway(f"{self._who(model)}: {error.message()} ({error.status()})") from error

    def _who(self, model: str) -> str:
        return f"model {model!r} at Triton {self.address}"


def _connected(address: str, tls: Tls | None) -> Any:
    """A client that connects when it is first used. Raises SettingsError when a file cannot be read."""
    if tls is None:
        return triton.InferenceServerClient(address, channel_args=_CHANNEL)
    files = {"root_certificates": tls.authorities, "certificate_chain": tls.certificate, "private_key": tls.key}
    for path in files.values():
        _require_readable(path)
    given = {name: str(path) for name, path in files.items() if path}
    return triton.InferenceServerClient(address, ssl=True, channel_args=_CHANNEL, **given)


def _require_readable(path: Path | None) -> None:
    try:
        if path is not None:
            path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror}): mount the file for Triton's TLS") from error


def _tensor(name: str, values: npt.NDArray[Any]) -> Any:
    tensor = triton.InferInput(name, values.shape, np_to_triton_dtype(values.dtype))
    tensor.set_data_from_numpy(values)
    return tensor


def _outputs(result: Any, served: Served) -> dict[str, npt.NDArray[Any]]:
    arrays = {output.name: result.as_numpy(output.name) for output in result.get_response().outputs}
    return {
        name: values.reshape(len(values), *served.shapes[name]) if name in served.shapes else values
        for name, values in arrays.items()
    }
