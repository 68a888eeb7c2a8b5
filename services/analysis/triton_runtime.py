"""Readers of tiles over a Triton server.

Each batch is read with one set of versions throughout: a reader asks for exactly the versions whose descriptions it
judges by. When Triton has newer ones, the next batch gets a reader for those; when a version goes in the middle of a
batch, the batch is read again.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from threading import Event, Lock

import numpy as np

from services.analysis.cards import ModelCard
from services.analysis.errors import ModelChanged
from services.analysis.models import MODELS, Cards
from services.analysis.readers import reader_over
from services.analysis.reading import CellReader
from services.analysis.runtime import Arrays
from services.analysis.triton_client import Served, TritonClient
from services.kit.clock import Clock
from services.kit.errors import TransientError
from services.kit.telemetry import Metrics
from services.kit.tracing.current import span

# A slide that is late is still read: a request for it gets this long.
LEAST_TIMEOUT_S = 5.0
RETRY_S = 1.0


class ServedModels(Cards):
    """The versions that Triton had at one moment."""

    def __init__(self, served: Mapping[str, Served]) -> None:
        self._served = served

    def card(self, name: str) -> ModelCard:
        return self._served[name].card

    def __getitem__(self, name: str) -> Served:
        return self._served[name]


class TritonRuntime:
    """Asks exactly the versions of one `ServedModels`; each request may take `remaining_s` at most.

    `failed` is told what kept Triton from answering.
    """

    is_warm = True

    def __init__(
        self,
        client: TritonClient,
        models: ServedModels,
        remaining_s: Callable[[], float],
        failed: Callable[[TransientError], None],
    ) -> None:
        self._client = client
        self._models = models
        self._remaining_s = remaining_s
        self._failed = failed

    def infer(self, model: str, inputs: Arrays) -> Arrays:
        """The model's outputs. Raises ModelsAway, ModelUnknown, ModelChanged."""
        served, count = self._models[model], len(next(iter(inputs.values())))
        try:
            with span("infer", model=model, version=served.version, items=count):
                return self._client.infer(model, served, inputs, self._remaining_s)
        except TransientError as error:
            self._failed(error)
            raise

    def warm(self) -> None:
        """Have every model answer once, with the least of work. Raises as `infer` does."""
        for name in MODELS:
            card = self._models.card(name)
            self.infer(name, {card.input.name: np.full((1, *card.input.shape), 255, np.uint8)})


class TritonReaders:
    """Readers for the versions that Triton has, looked at every `look_every_s`, and at once after a failure."""

    def __init__(
        self, client: TritonClient, clock: Clock, metrics: Metrics, *, timeout_s: float, look_every_s: float
    ) -> None:
        self._client = client
        self._clock = clock
        self._ready = metrics.models_ready
        self._timeout_s = timeout_s
        self._look_every_s = look_every_s
        self._lock = Lock()
        self._models: ServedModels | None = None
        self._looked_at = 0.0
        self._trouble: str | None = "Triton has not answered yet"

    def current(self, deadline: datetime | None) -> CellReader:
        """A reader for one batch. Raises ModelsAway, ModelUnknown."""
        models = self._seen()
        return reader_over(models, self._runtime(models, deadline))

    def keep_ready(self, stop: Event) -> None:
        """Look at what Triton has, and after trouble ask each model once, until `stop`."""
        while not stop.is_set():
            self._tend()
            stop.wait(self._look_every_s if self._trouble is None else min(RETRY_S, self._look_every_s))

    def waits_for(self) -> str | None:
        """What keeps Triton from answering."""
        return self._trouble

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def _tend(self) -> None:
        try:
            models = self._look()
            if self._trouble is not None:
                self._runtime(models, None).warm()
                self._tell(None)
        except TransientError as error:
            self._tell(error)

    def _seen(self) -> ServedModels:
        with self._lock:
            models, age = self._models, self._clock.monotonic() - self._looked_at
        if models is not None and age < self._look_every_s and self._trouble is None:
            return models
        try:
            return self._look()
        except TransientError as error:
            self._tell(error)
            raise

    def _look(self) -> ServedModels:
        models = ServedModels({name: self._client.newest(name) for name in MODELS})
        with self._lock:
            self._models, self._looked_at = models, self._clock.monotonic()
        return models

    def _runtime(self, models: ServedModels, deadline: datetime | None) -> TritonRuntime:
        def remaining_s() -> float:
            left = self._timeout_s if deadline is None else (deadline - self._clock.now()).total_seconds()
            return min(self._timeout_s, max(left, LEAST_TIMEOUT_S))

        return TritonRuntime(self._client, models, remaining_s, self._failed)

    def _failed(self, error: TransientError) -> None:
        with self._lock:
            self._models = None
        if not isinstance(error, ModelChanged):
            self._tell(error)

    def _tell(self, trouble: TransientError | None) -> None:
        self._trouble = None if trouble is None else str(trouble)
        self._ready.set(0 if trouble else 1)
