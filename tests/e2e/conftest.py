"""The simulated hospital, at a pace for tests."""

import pytest

from services.simulator.lis import LisSimulator
from tests.e2e.hospital import Hospital


@pytest.fixture
def hospital(tmp_path, monkeypatch):
    settings = {
        "FROTTIS_INGESTION_SETTLE_S": "0.3",
        "FROTTIS_INGESTION_POLL_S": "0.1",
        "FROTTIS_INGESTION_ERYTHROCYTES": "300",
        "FROTTIS_INGESTION_CLUMP_FIELDS": "1",
        "FROTTIS_REASONING_ERYTHROCYTES": "300",
        "FROTTIS_LIS_ACK_TIMEOUT_S": "1",
        "FROTTIS_LIS_RETRY_FIRST_S": "0.1",
        "FROTTIS_LIS_RETRY_LONGEST_S": "0.5",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with LisSimulator() as lis:
        yield Hospital(tmp_path, lis)
