"""`frottis evaluate`: a released model's figures on a folder of labelled pictures."""

import json
from enum import StrEnum
from pathlib import Path

from services.analysis.models import DETECTOR, ERYTHROCYTES, LEUKOCYTES, PLASMODIUM
from services.analysis.settings import AnalysisSettings


class Evaluated(StrEnum):
    """The models, as their folders are named."""

    DETECTOR = DETECTOR
    LEUKOCYTES = LEUKOCYTES
    ERYTHROCYTES = ERYTHROCYTES
    PLASMODIUM = PLASMODIUM


def evaluation(model: Evaluated, data: Path, um_per_px: float, *, as_json: bool) -> str:
    """Tables, or JSON. Raises DataSetError, ModelFileError."""
    # It loads scipy's statistics, a second that no other command needs.
    from services.training.evaluating import evaluate  # noqa: PLC0415

    found = evaluate(model, AnalysisSettings.load().models / model, data, um_per_px)
    return json.dumps(found.values, indent=2) if as_json else found.text
