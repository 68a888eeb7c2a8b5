import pytest

from tests.unit.kit.transport_suite import TransportSuite


class TestKafka(TransportSuite):
    """Kafka keeps the same contract as the local log."""

    silence_s = 1.0

    @pytest.fixture
    def broker(self, cluster):
        return cluster
