"""The tables of `matinee analytics`, from the answers of running services."""

import asyncio
import json

import pytest

from kernel.errors import BadSettings, MatineeError
from kernel.settings.table import resolve
from services.analytics.views.quality import Sums, describe_quality
from tools.analytics.reports import DROPOFF, EARLY, LIVE, QOE, VIEWS

ROW = {"title": "film"} | describe_quality(
    Sums(
        views=3,
        starts=2,
        played_ms=590_000,
        stalled_ms=10_000,
        stalls=2,
        startups=[1500, 2500],
        kilobits=1e6,
        rated_ms=500_000,
    )
)
ANSWERS = {
    "/analytics/qoe": [ROW],
    "/analytics/live": [],
    "/analytics/dropoff": {"contentId": "film", "views": 2, "minutes": [{"minute": 0, "watching": 1.0, "left": 1}]},
    "/analytics/views": [{"contentId": "film", "byEvents": 5, "byEdges": 6, "onlyEvents": 0, "onlyEdges": 1}],
    "/analytics/left-early": [],
}


@pytest.fixture
def ask(tmp_path, monkeypatch, capsys):
    """`ask(command, …)` runs a command against a server of the test's; answers what it printed, and what it asked."""
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "api.key").touch(mode=0o600)
    (tmp_path / "api.key").write_text("k" * 32)

    def run(command, *positional, status=200, **flags):
        asked = []

        async def answer(reader, writer):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            asked.append(head)
            body = json.dumps(
                ANSWERS[head.split()[1].partition("?")[0]] if status == 200 else {"detail": "no"}
            ).encode()
            writer.write(
                b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, len(body)) + body
            )
            await writer.drain()
            writer.close()

        async def serve():
            server = await asyncio.start_server(answer, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            given = {"services": f"http://127.0.0.1:{port}", "api_key_file": str(tmp_path / "api.key")} | flags
            settings = resolve(command.SETTINGS, flags={name: [text] for name, text in given.items()})
            async with server:
                assert await asyncio.to_thread(command.run, settings, *positional) == 0

        asyncio.run(serve())
        return capsys.readouterr().out, asked[0]

    return run


def test_quality_as_a_table(ask):
    printed, asked = ask(QOE, started_after="2027-01-15T08:00:00+01:00")
    assert asked.startswith("GET /analytics/qoe?from=2027-01-15T08:00:00%2B01:00&by=title ")
    assert f"Bearer {'k' * 32}" in asked
    for text in ("film", "1.50 s", "2.50 s", "1.67%", "2.00", "0 + 0"):
        assert text in printed


def test_the_other_tables(ask):
    assert "100.0%" in ask(DROPOFF, "film")[0]
    assert "byEdges" in ask(VIEWS)[0]
    assert "leftEarly" in ask(EARLY)[0]
    assert "startup" in ask(LIVE)[0]


def test_json_is_the_answer_as_it_came(ask):
    assert json.loads(ask(QOE, json="on")[0]) == [ROW]


def test_what_goes_wrong_is_said(ask, tmp_path):
    with pytest.raises(MatineeError, match="no"):
        ask(QOE, status=401)
    with pytest.raises(BadSettings, match="api_key_file"):
        ask(QOE, api_key_file=str(tmp_path / "none"))
