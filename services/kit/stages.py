"""Milestones: the moments by which the promise is measured, carried by every message about a slide."""

from datetime import datetime

from services.kit.clock import from_timestamp, to_timestamp
from services.kit.contracts import Milestone, Slide, Stage
from services.kit.telemetry import Metrics


def reach(slide: Slide, stage: Stage.ValueType, at: datetime, metrics: Metrics) -> None:
    """Note on `slide` that `stage` was reached; its time is that since the milestone before."""
    if slide.milestones:
        elapsed = (at - from_timestamp(slide.milestones[-1].at)).total_seconds()
        metrics.stage.labels(stage_name(stage)).observe(max(elapsed, 0.0))
    slide.milestones.append(Milestone(stage=stage, at=to_timestamp(at)))


def reached(slide: Slide, stage: Stage.ValueType) -> datetime | None:
    """When `slide` reached `stage` (aware UTC); None when it has not."""
    return next((from_timestamp(m.at) for m in slide.milestones if m.stage == stage), None)


def stage_name(stage: Stage.ValueType) -> str:
    """The stage as people and metrics write it, such as `cells_read`."""
    return Stage.Name(stage).removeprefix("STAGE_").lower()
