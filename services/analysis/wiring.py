"""Build the analysis service, or only its reader."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

from services.analysis.analyse import Analyser
from services.analysis.cells import Kind
from services.analysis.classification import Classifier
from services.analysis.detection import Detector
from services.analysis.handlers import AnalysisHandlers
from services.analysis.models import ModelRepository
from services.analysis.onnx_runtime import OnnxModel, OnnxRuntime
from services.analysis.reading import CellReader
from services.analysis.runtime import ModelRuntime
from services.analysis.settings import AnalysisSettings
from services.analysis.tile_store import TileStore
from services.kit.service import Resources, Service, Subscription

READY = "models warm"


def build(settings: AnalysisSettings, resources: Resources) -> Service:
    """The service that turns tiles into cells. Raises ModelUnusable; models are warmed by a task of the service."""
    runtime = runtime_of(settings)
    pool = ThreadPoolExecutor(settings.fetch_threads, "analysis-fetch")
    store = TileStore(resources.objects, settings.crop_quality)
    reader = reader_of(settings, runtime)
    handlers = AnalysisHandlers(reader, store, pool, resources.clock, resources.metrics)

    def warm(stop: Event) -> None:
        runtime.warm()
        stop.wait()

    return Service(
        name="analysis",
        subscriptions=(Subscription("tiles", handlers.tiles, settings.tiles_per_batch, handlers.unreadable),),
        tasks={READY: warm},
        readiness={READY: lambda: None if runtime.is_warm else "the models are being loaded"},
        close=pool.shutdown,
    )


def build_analyser(settings: AnalysisSettings) -> Analyser:
    """What `frottis analyse` reads pictures with. Raises ModelUnusable."""
    reader = reader_of(settings, runtime_of(settings))
    return Analyser(reader, tiles_per_batch=settings.tiles_per_batch, threads=settings.fetch_threads)


def runtime_of(settings: AnalysisSettings) -> ModelRuntime:
    """A runtime in this process, on onnxruntime."""
    repository = ModelRepository(settings.models)
    batches = {
        "detector": settings.detector_batches,
        "leukocytes": settings.leukocyte_batches,
        "erythrocytes": settings.erythrocyte_batches,
    }
    models = {name: OnnxModel(repository.file(name), sizes) for name, sizes in batches.items()}
    return OnnxRuntime(models, settings.threads)


def reader_of(settings: AnalysisSettings, runtime: ModelRuntime) -> CellReader:
    """The reader of tiles over a runtime. Raises ModelUnusable when a model file is missing or was changed."""
    repository = ModelRepository(settings.models)
    classifiers = {
        Kind.LEUKOCYTE: Classifier(runtime, repository.leukocytes()),
        Kind.ERYTHROCYTE: Classifier(runtime, repository.erythrocytes()),
    }
    return CellReader(Detector(runtime, repository.detector()), classifiers)
