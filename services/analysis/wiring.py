"""Build the analysis service, or only its reader."""

from concurrent.futures import ThreadPoolExecutor

from services.analysis.ahead import Batches
from services.analysis.analyse import Analyser
from services.analysis.handlers import AnalysisHandlers
from services.analysis.models import DETECTOR, ERYTHROCYTES, LEUKOCYTES, PLASMODIUM, ModelRepository
from services.analysis.readers import LocalReaders, Readers, reader_over
from services.analysis.reading import CellReader
from services.analysis.runtime import ModelRuntime
from services.analysis.settings import AnalysisSettings
from services.analysis.tile_store import TileStore
from services.kit.service import Resources, Service, Subscription

READY = "models warm"


def build(settings: AnalysisSettings, resources: Resources) -> Service:
    """The service that turns tiles into cells, its models made ready by a task. Raises ModelUnusable, SettingsError."""
    readers = readers_of(settings, resources)
    pool = ThreadPoolExecutor(settings.fetch_threads, "analysis-fetch")
    store = TileStore(resources.objects, settings.crop_quality)
    batches = Batches(settings.tiles_together, settings.batches_at_once)
    handlers = AnalysisHandlers(readers, store, batches, pool, resources.clock, resources.metrics)

    def close() -> None:
        batches.close()
        pool.shutdown()
        readers.close()

    return Service(
        name="analysis",
        subscriptions=(Subscription("tiles", handlers.tiles, settings.tiles_taken, handlers.unreadable),),
        tasks={READY: readers.keep_ready},
        readiness={READY: readers.waits_for},
        close=close,
    )


def build_analyser(settings: AnalysisSettings) -> Analyser:
    """What `frottis analyse` reads pictures with, in this process. Raises ModelUnusable."""
    reader = reader_of(settings, runtime_of(settings))
    return Analyser(reader, tiles_per_batch=settings.tiles_per_batch, threads=settings.fetch_threads)


def readers_of(settings: AnalysisSettings, resources: Resources) -> Readers:
    """Over Triton when the settings name one, else in this process. Raises ModelUnusable, SettingsError."""
    if settings.triton is not None:
        return _triton_readers(settings.triton, settings, resources)
    runtime = runtime_of(settings)
    return LocalReaders(runtime, reader_of(settings, runtime), resources.metrics)


def runtime_of(settings: AnalysisSettings) -> ModelRuntime:
    """A runtime in this process, on onnxruntime."""
    # Only a service that runs its models itself loads it: the image of one that asks Triton is without.
    from services.analysis.onnx_runtime import OnnxModel, OnnxRuntime  # noqa: PLC0415

    repository = ModelRepository(settings.models)
    batches = {
        DETECTOR: settings.detector_batches,
        LEUKOCYTES: settings.leukocyte_batches,
        ERYTHROCYTES: settings.erythrocyte_batches,
        PLASMODIUM: settings.plasmodium_batches,
    }
    models = {name: OnnxModel(repository.file(name), sizes) for name, sizes in batches.items()}
    return OnnxRuntime(models, settings.threads)


def reader_of(settings: AnalysisSettings, runtime: ModelRuntime) -> CellReader:
    """The reader of tiles over a runtime. Raises ModelUnusable when a model file is missing or was changed."""
    return reader_over(ModelRepository(settings.models), runtime)


def _triton_readers(address: str, settings: AnalysisSettings, resources: Resources) -> Readers:
    # Only a service that asks Triton loads gRPC.
    from services.analysis.triton_client import Tls, TritonClient  # noqa: PLC0415
    from services.analysis.triton_runtime import TritonReaders  # noqa: PLC0415

    tls = Tls(settings.triton_ca, settings.triton_certificate, settings.triton_key) if settings.triton_ca else None
    client = TritonClient(address, tls, settings.triton_requests, resources.metrics)
    return TritonReaders(
        client,
        resources.clock,
        resources.metrics,
        timeout_s=settings.triton_timeout_s,
        look_every_s=settings.triton_look_s,
    )
