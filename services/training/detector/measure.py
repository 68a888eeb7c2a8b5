"""Measures the released detector on the test part."""

from pathlib import Path
from typing import Any

from services.training.detector.crops import load_part
from services.training.detector.figures import section
from services.training.detector.robustness import robustness_section
from services.training.manifest import Manifest
from services.training.runtime import Model
from services.training.splits import Part

COMPLETE_SOURCES = ("deepbionet", "txl_pbc")
"""The sets in which every cell has a box, so that a detection without one is wrong."""

SWAPPED = "deepbionet"
"""The set in which some fields have their kinds swapped; it is also measured as it is labelled."""


def measure(data: Path, manifests: dict[str, Manifest], model: Model, described: dict[str, Any]) -> str:
    """The card's sections of figures."""
    fields = load_part(data, manifests, Part.TEST)
    by_source = {source: [field for field in fields if field.source == source] for source in COMPLETE_SOURCES}
    labelled = load_part(data, manifests, Part.TEST, repaired=False)
    by_source[f"{SWAPPED}, kinds not repaired"] = [field for field in labelled if field.source == SWAPPED]
    thresholds, seed = described["score_thresholds"], described["origin"]["seed"]
    complete = {source: by_source[source] for source in COMPLETE_SOURCES}
    robust = robustness_section(complete, model, thresholds, seed)
    return "\n".join([section(by_source, model, thresholds, seed), robust])
