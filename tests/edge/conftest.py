"""What tests of the edge share: a stage over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from tests.scenario.stage import Scenario


@pytest.fixture
async def tcp(tmp_path: Path) -> AsyncIterator[Scenario]:
    """A scenario over TCP, with an .mmdb that says DE of 127.0.0.1."""
    writer = MMDBWriter(ip_version=4)
    writer.insert_network(IPSet(["127.0.0.1/32"]), {"country": {"iso_code": "DE"}})
    writer.to_db_file(str(tmp_path / "geo.mmdb"))
    scenario = Scenario("tcp", tmp_path, tmp_path / "geo.mmdb")
    yield scenario
    await scenario.ends()
