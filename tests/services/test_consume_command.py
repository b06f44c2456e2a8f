"""`matinee analytics consume`: what it has to be told."""

import pytest

from kernel.errors import BadSettings
from kernel.settings.table import resolve
from services import consume_command
from services.consume_command import ConsumeSettings


def test_it_has_to_know_the_brokers():
    with pytest.raises(BadSettings, match="kafka"):
        consume_command.run(resolve(ConsumeSettings, flags={}))


def test_partitions_can_be_divided_among_processes():
    settings = resolve(ConsumeSettings, flags={"kafka": ["127.0.0.1:9092"], "partitions": ["0,2"]})
    assert settings.partitions == (0, 2)
