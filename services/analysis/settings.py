"""Settings of the analysis service."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator
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
    plasmodium_batches: BatchSizes = Field(
        default=(8, 64), description="Batch sizes the search for malaria parasites runs at, ascending (crops)."
    )
    crop_quality: int = Field(
        default=92, ge=50, le=100, description="JPEG quality of leukocyte crops kept as evidence (libjpeg's scale)."
    )
    triton: str | None = Field(
        default=None,
        pattern=r"^[^/:\s]+:\d{1,5}$",
        description="Host and port of Triton's gRPC; none runs the models in this process.",
    )
    triton_timeout_s: float = Field(
        default=30.0, gt=0, le=600, description="s that one request to Triton may take; less when a deadline is nearer"
    )
    triton_look_s: float = Field(
        default=10.0, gt=0, le=60, description="s between two looks at which versions of the models Triton has"
    )
    triton_requests: int = Field(default=4, ge=1, le=64, description="Requests to Triton at a time (count).")
    triton_batches: int = Field(
        default=4,
        ge=1,
        le=64,
        description="Batches that tiles_per_batch is divided into where Triton runs the models, all under way (count).",
    )
    triton_ca: Path | None = Field(
        default=None, description="PEM file of the authorities of Triton's certificate; none speaks without TLS."
    )
    triton_certificate: Path | None = Field(
        default=None, description="PEM file of the certificate shown to Triton, where it asks for one."
    )
    triton_key: Path | None = Field(default=None, description="PEM file of that certificate's key.")

    @property
    def batches_at_once(self) -> int:
        """Batches under way at a time: one keeps the cores busy where the models run in this process."""
        return min(self.triton_batches, self.tiles_per_batch) if self.triton else 1

    @property
    def tiles_together(self) -> int:
        """Tiles of one batch; those of all that are under way are `tiles_per_batch` at most."""
        return self.tiles_per_batch // self.batches_at_once

    @property
    def tiles_taken(self) -> int:
        """Tiles taken from the topic together: with several batches under way, as many again wait for their turn."""
        return self.tiles_per_batch if self.batches_at_once == 1 else 2 * self.tiles_per_batch

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.triton_certificate is None) != (self.triton_key is None):
            raise ValueError("triton_certificate and triton_key belong together: set both or neither")
        if self.triton_certificate is not None and self.triton_ca is None:
            raise ValueError("triton_certificate needs triton_ca: without it there is no TLS")
        return self
