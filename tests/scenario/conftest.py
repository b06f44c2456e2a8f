"""Every scenario is played twice, in memory and over TCP; what viewers see is played over HTTP/2 too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from tests.scenario.stage import ADDRESSES, Scenario


@pytest.fixture(scope="session")
def geo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("geo") / "stage.mmdb"
    writer = MMDBWriter(ip_version=4, database_type="Stage")
    for country, address in ADDRESSES.items():
        if country is not None:
            writer.insert_network(IPSet([f"{address}/32"]), {"country": {"iso_code": country}})
    writer.to_db_file(str(file))
    return file


BOTH_WIRES = {"access", "asked_again", "collapse", "failures", "fills", "parts", "slices", "stale_meanwhile"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "s" in metafunc.fixturenames:
        about = metafunc.module.__name__.rpartition("test_")[2]
        grounds = ["memory", "tcp", "h2"] if about in BOTH_WIRES else ["memory", "tcp"]
        metafunc.parametrize("s", grounds, indirect=True)


@pytest.fixture
async def s(request: pytest.FixtureRequest, tmp_path: Path, geo: Path) -> AsyncIterator[Scenario]:
    scenario = Scenario(request.param, tmp_path, geo)
    yield scenario
    await scenario.ends()


@pytest.fixture
async def memory(tmp_path: Path, geo: Path) -> AsyncIterator[Scenario]:
    """A scenario that is played in memory only: it is about control, whose wire is in memory on both grounds."""
    scenario = Scenario("memory", tmp_path, geo)
    yield scenario
    await scenario.ends()
