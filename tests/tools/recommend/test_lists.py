"""How lists do, on the command line."""

import asyncio

import pytest

from tests.doubles.clock import FakeClock
from tests.services.conftest import fill, start, title  # noqa: F401 (fixtures)
from tools.cli import main


@pytest.fixture
def clock():
    return FakeClock()


async def test_lists_are_shown_as_operators_ask(start, fill, title, capsys):  # noqa: F811
    await fill(title("a"), title("b"))
    place = await start(default_country="DE", insecure_dev=None)
    flags = ("--services", str(place.client.make_url("/")), "--api-key-file", str(place.settings.api_key_path))
    await place.get("/recommendations?userId=u1", headers={"Authorization": f"Bearer {place.key}"})

    async def run(*words):
        assert await asyncio.to_thread(main, ["recommend", *words, *flags]) == 0
        return capsys.readouterr().out

    shown = await run("overview")
    assert "model none" in shown
    assert "DE" in shown
    assert "policy" in await run("off-policy")
    assert "left early" in await run("early-exits")
    assert '"draws": 0' in await run("off-policy", "--json")
