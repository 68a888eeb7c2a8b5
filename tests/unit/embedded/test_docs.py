"""What operations rely on is documented, name by name."""

from pathlib import Path

import pytest
from prometheus_client import Counter

from services.analysis.settings import AnalysisSettings
from services.ingestion.settings import IngestionSettings
from services.kit.database_settings import DatabaseSettings
from services.kit.kafka.settings import KafkaSettings
from services.kit.object_settings import ObjectSettings
from services.kit.process import ProcessSettings
from services.kit.telemetry import Metrics
from services.kit.topics import topics
from services.kit.tracing.settings import TracingSettings
from services.lis.settings import LisSettings
from services.reasoning.settings import ReasoningSettings
from services.review.states import State

OPERATIONS = (Path(__file__).parents[3] / "docs" / "operations.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "settings",
    [
        AnalysisSettings,
        DatabaseSettings,
        IngestionSettings,
        KafkaSettings,
        LisSettings,
        ObjectSettings,
        ProcessSettings,
        ReasoningSettings,
        TracingSettings,
    ],
)
def test_every_setting_is_documented(settings):
    prefix = settings.model_config["env_prefix"]
    missing = [name for name in settings.model_fields if f"`{prefix}{name.upper()}`" not in OPERATIONS]
    assert not missing
    assert all(field.description for field in settings.model_fields.values())


def test_every_metric_is_documented():
    metrics = Metrics()
    families = [family for family in metrics.registry.collect() if not family.name.endswith("_created")]
    names = [family.name + ("_total" if family.type == Counter._type else "") for family in families]
    assert not [name for name in names if f"`{name}`" not in OPERATIONS]


def test_every_topic_and_state_is_documented():
    assert not [name for name in [*topics(), *State] if f"`{name}`" not in OPERATIONS]
