"""A cluster of three brokers in memory."""

import pytest

from tests.services.analytics.kafka.kafka_mock import MockCluster
from tests.services.analytics.kafka.pipeline import TOPIC


@pytest.fixture
def cluster():
    with MockCluster(TOPIC, 3) as cluster:
        yield cluster
