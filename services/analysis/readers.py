"""Who gives the handlers their reader of tiles: the models in this process, or those that a server has now."""

from datetime import datetime
from threading import Event
from typing import Protocol

from services.analysis.cells import Kind
from services.analysis.classification import Classifier
from services.analysis.detection import Detector
from services.analysis.models import Cards
from services.analysis.parasites import ParasiteSearch
from services.analysis.reading import CellReader
from services.analysis.runtime import ModelRuntime
from services.kit.telemetry import Metrics


class Readers(Protocol):
    """A reader for each batch, and whether there is one now."""

    def current(self, deadline: datetime | None) -> CellReader:
        """The reader to take one batch with, which is wanted by `deadline`.

        Raises TransientError, as the reader does, when the models cannot be had now.
        """
        ...

    def keep_ready(self, stop: Event) -> None:
        """Have the models warm until `stop`: a task of the service."""
        ...

    def waits_for(self) -> str | None:
        """What is missing until tiles can be read; None when nothing is."""
        ...

    def close(self) -> None:
        """Let go of what the readers hold."""
        ...


class LocalReaders:
    """The models in this process: loaded once, always the same, answering however little time is left."""

    def __init__(self, runtime: ModelRuntime, reader: CellReader, metrics: Metrics) -> None:
        self._runtime = runtime
        self._reader = reader
        self._metrics = metrics

    def current(self, deadline: datetime | None) -> CellReader:  # noqa: ARG002 - no request that could be given up
        return self._reader

    def keep_ready(self, stop: Event) -> None:
        self._runtime.warm()
        self._metrics.models_ready.set(1)
        stop.wait()

    def waits_for(self) -> str | None:
        return None if self._runtime.is_warm else "the models are being loaded"

    def close(self) -> None:
        pass


def reader_over(cards: Cards, runtime: ModelRuntime) -> CellReader:
    """The reader with the described models behind a runtime. Raises ModelUnusable."""
    classifiers = {
        Kind.LEUKOCYTE: Classifier(runtime, cards.leukocytes()),
        Kind.ERYTHROCYTE: Classifier(runtime, cards.erythrocytes()),
    }
    parasites = ParasiteSearch(Classifier(runtime, cards.plasmodium()))
    return CellReader(Detector(runtime, cards.detector()), classifiers, parasites)
