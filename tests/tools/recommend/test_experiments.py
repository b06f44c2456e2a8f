"""`matinee recommend` against running services."""

import asyncio
import json

import pytest

from tests.doubles.clock import FakeClock
from tests.services.conftest import fill, start, title  # noqa: F401 (fixtures)
from tools.cli import main


@pytest.fixture
def clock():
    return FakeClock()


DEFINITION = {"title": "Rows", "arms": [{"name": "control"}, {"name": "new", "changes": {"diversity": 0.9}}]}


async def test_an_experiment_is_defined_run_and_read_from_the_command_line(tmp_path, start, fill, title, capsys):  # noqa: F811
    await fill(title("a"), title("b"))
    place = await start(default_country="DE", insecure_dev=None)
    address = str(place.client.make_url("/"))
    flags = ("--services", address, "--api-key-file", str(place.settings.api_key_path))

    async def run(*words, code=0):
        assert await asyncio.to_thread(main, ["recommend", *words, *flags]) == code
        return capsys.readouterr()

    file = tmp_path / "rows.json"
    file.write_text(json.dumps(DEFINITION))
    assert "rows is draft" in (await run("experiment", "define", "rows", str(file))).out
    assert "rows is running" in (await run("experiment", "start", "rows")).out
    assert "running" in (await run("experiment", "list")).out
    assert "Too few viewers" in (await run("experiment", "report", "rows")).out
    assert '"verdict": "too-few-viewers"' in (await run("experiment", "report", "rows", "--json")).out
    assert "is running" in (await run("experiment", "define", "rows", str(file), code=1)).err
    assert "rows is stopped" in (await run("experiment", "stop", "rows")).out
    assert "deleted" in (await run("experiment", "delete", "rows")).out
    file.write_text("{")
    assert "is not JSON" in (await run("experiment", "define", "rows", str(file), code=1)).err


def test_equal_arms_are_simulated(capsys):
    assert main(["recommend", "experiment", "simulate", "--runs", "3", "--days", "2", "--viewers", "50"]) == 0
    assert "0 of 3 A/A experiments" in capsys.readouterr().out
