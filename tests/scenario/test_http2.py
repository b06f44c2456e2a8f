"""What only HTTP/2 shows: streams that are cancelled while a fill runs, the log, the version told upstream."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.doubles.clock import turns
from tests.scenario.stage import Scenario

PATH = "/cdn/eu/title1/v720/1.m4s"
FRESH = {"cache_control": "max-age=60"}


@pytest.fixture
async def both(tmp_path: Path, geo: Path) -> AsyncIterator[Scenario]:
    scenario = Scenario("h2", tmp_path, geo)
    yield scenario
    await scenario.ends()


async def test_the_log_and_the_counters_say_h2(both: Scenario) -> None:
    o1 = both.origin("o1")
    e1 = both.edge("e1", upstream=o1)
    o1.expects(PATH).answers(200, b"body", **FRESH)
    for _ in range(3):
        assert (await both.viewer("v", at=e1).gets(PATH)).body == b"body"
    assert e1.edge is not None
    assert e1.edge.metrics()["matinee_edge_h2_requests_total"] == 3
    assert e1.edge.log is not None
    e1.edge.log.flush()
    await turns(20)
    await e1.edge.tasks.offload(lambda: None)
    lines = [json.loads(line) for line in (both.folder / "e1" / "access.log").read_text().splitlines()]
    assert [(line["protocol"], line["status"], line["outcome"]) for line in lines] == [
        ("h2", 200, "miss"), ("h2", 200, "hit"), ("h2", 200, "hit"),
    ]  # fmt: skip


async def test_upstream_is_told_the_version(both: Scenario) -> None:
    """RFC 9110 §7.6.3."""
    o1 = both.origin("o1")
    e1 = both.edge("e1", upstream=o1, profile="general")
    o1.expects("/a", via="2 e1").answers(200, b"fine")
    assert (await both.viewer("v", at=e1).gets("/a")).body == b"fine"


async def test_a_viewer_who_leaves_does_not_stop_the_fill_for_another(both: Scenario) -> None:
    o1, gate = both.origin("o1"), both.gate()
    e1 = both.edge("e1", upstream=o1)
    o1.expects(PATH).waits_for(gate, after=4).answers(200, b"the whole body", **FRESH)
    leaving, staying = both.viewer("leaving", at=e1), both.viewer("staying", at=e1)
    gone, kept = leaving.gets(PATH), staying.gets(PATH)
    await e1.until(requests=2)
    leaving.leaves()
    gate.open()
    assert (await kept).body == b"the whole body"
    assert not (await gone).whole
