"""Settings of the analysis service."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import SettingsConfigDict

from services.kit.settings import Settings


def _ascending(sizes: tuple[int, ...]) -> tuple[int, ...]:
    if not sizes or list(sizes) != sorted(set(sizes)) or sizes[0] < 1:
        raise ValueError("batch sizes must be positive and ascending")
    return sizes


BatchSizes = Annotated[tuple[int, ...], AfterValidator(_ascending)]


class AnalysisSettings(Settings):
    """Read from the environment with the prefix FROTTIS_ANALYSIS_."""

    model_config = SettingsConfigDict(env_prefix="FROTTIS_ANALYSIS_")

    models: Path = Field(
        default=Path(__file__).resolve().parents[2] / "deploy" / "triton" / "models",
        description="Folder of the models, one folder each with model.yaml and 1/model.onnx.",
    )
    threads: int = Field(
        default=0, ge=0, description="Threads that one model run uses; 0 for as many as there are cores (count)."
    )
    tiles_per_batch: int = Field(
        default=8, ge=1, le=64, description="Tiles read together, so that classifier batches fill (count)."
    )
    fetch_threads: int = Field(default=2, ge=1, le=64, description="Threads that fetch and decode tiles (count).")
    detector_batches: BatchSizes = Field(
        default=(1,), description="Batch sizes the detector runs at, ascending (tiles)."
    )
    leukocyte_batches: BatchSizes = Field(
        default=(1, 4, 16), description="Batch sizes the leukocyte classifier runs at, ascending (crops)."
    )
    erythrocyte_batches: BatchSizes = Field(
        default=(8, 64), description="Batch sizes the erythrocyte classifier runs at, ascending (crops)."
    )
    crop_quality: int = Field(
        default=92, ge=50, le=100, description="JPEG quality of leukocyte crops kept as evidence (libjpeg's scale)."
    )
