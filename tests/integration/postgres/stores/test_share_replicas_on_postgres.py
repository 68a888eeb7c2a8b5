from tests.unit.ingestion.test_share_replicas import *  # noqa: F403 - its tests and fixtures
