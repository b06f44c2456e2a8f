"""Probes: who is due, what an answer says, what replicas tell one another."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from control.fleet.fanout import Fanout
from control.fleet.nodes import Node
from control.fleet.session import Edge
from control.routing.probes import PROBE_EVERY, Prober, ProbeResult, judge_answer, probe
from control.routing.service import RoutingService
from kernel.fleet.messages import Hello
from tests.doubles.clock import turns

ADDRESS = "127.0.0.1:8081"


def traffic_with(clock, *edges: str) -> RoutingService:
    fanout = Fanout(lambda: None, None, clock)  # type: ignore[arg-type]  # nobody connects
    for name in edges:
        fanout.edges[name] = Edge(Hello(name, region="eu", address=ADDRESS), 0.0, connected=True)
    return RoutingService(fanout, lambda hello: Node(hello.id, hello.role, region=hello.region), clock, "c1")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"HTTP/1.1 401 Unauthorized\r\n", ProbeResult(well=True, reached=True)),
        (b"HTTP/1.1 200 OK", ProbeResult(well=True, reached=True)),
        (b"HTTP/1.1 503 no\r\n", ProbeResult(well=False, reached=True, detail="answered 503")),
        (b"\x15\x03\x03\x00\x02\x02\x16", ProbeResult(well=True, reached=True)),
        (b"", ProbeResult(well=False, reached=True, detail="no HTTP answer")),
        (b"SSH-2.0 200", ProbeResult(well=False, reached=True, detail="no HTTP answer")),
    ],
)
def test_what_an_answer_says(line, found):
    assert judge_answer(line) == found


async def test_a_probe_asks_as_a_viewer_would():
    asked = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.write(b"HTTP/1.1 404 Not Found\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await probe(f"127.0.0.1:{port}") == ProbeResult(well=True, reached=True)
    server.close()
    await server.wait_closed()
    assert asked == [b"GET / HTTP/1.1\r\n"]
    refused = await probe(f"127.0.0.1:{port}")
    assert (refused.well, refused.reached) == (False, False)
    assert "refused" in refused.detail.lower() or "connect" in refused.detail.lower()
    assert not (await probe("nowhere")).reached


def test_each_edge_has_its_own_time_and_one_whose_stream_broke_is_due_at_once(clock):
    traffic = traffic_with(clock, "e1", "e2")
    prober = Prober(traffic, clock, jitter=iter([0.25, 0.5, *[0.5] * 100]).__next__)
    assert prober.due_edges() == []
    clock.move(0.5)
    assert prober.due_edges() == [("e1", ADDRESS)]
    clock.move(0.5)
    assert prober.due_edges() == [("e2", ADDRESS)]
    traffic._fanout.edges["e2"].connected = False
    assert prober.due_edges() == [("e2", ADDRESS)]
    assert prober.due_edges() == []
    clock.move(PROBE_EVERY)
    assert len(prober.due_edges()) == 2


async def test_it_probes_for_as_long_as_it_runs_and_a_probe_that_hangs_holds_up_nobody(clock):
    traffic = traffic_with(clock, "e1")
    asked = 0

    async def ask(_: str) -> ProbeResult:
        nonlocal asked
        asked += 1
        if asked == 1:
            await asyncio.Event().wait()
        return ProbeResult(well=False, reached=False, detail="no connection")

    task = asyncio.ensure_future(Prober(traffic, clock, send=ask, jitter=lambda: 0.5).run())  # noqa: TID251 (the test owns it)
    for _ in range(30):
        await turns(5)
        clock.move(0.25)
    assert asked >= 3
    assert traffic.histories["e1"].probes["c1"].failures == asked - 1
    assert traffic.probed["failed"] == asked - 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_replicas_tell_one_another_what_they_see(clock, monkeypatch):
    traffic = traffic_with(clock, "e1")
    other = traffic_with(clock, "e1")
    other.prober = "c2"
    other.record_probe("e1", well=False, reached=False, detail="refused")
    said = []

    async def share(_store, name, content, now):
        said.append((name, content, now))

    async def shared(_store, _name, now):
        return (SimpleNamespace(replica="c2", at=now - 1.0, content=other.probe_note()),)

    monkeypatch.setattr("control.routing.probes.publish_note", share)
    monkeypatch.setattr("control.routing.probes.read_notes", shared)
    clock.move(10)
    store = SimpleNamespace(database=SimpleNamespace(listen=object()))
    await Prober(traffic, clock, store).exchange_notes()  # type: ignore[arg-type]
    assert said[0][0] == "probes"
    heard = traffic.histories["e1"].probes["c2"]
    assert (heard.failures, heard.reached, heard.detail) == (1, False, "refused")
    assert heard.at == pytest.approx(clock.mono() - 1.0 - 10.0)
    await Prober(traffic, clock).exchange_notes()
    assert len(said) == 1, "alone there is nobody to tell"
