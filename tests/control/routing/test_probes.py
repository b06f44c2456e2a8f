"""Probes: which edges are due, how an answer is judged, what replicas exchange."""

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


def fanout_with(clock, *edges: str) -> Fanout:
    fanout = Fanout(lambda: None, None, clock)  # type: ignore[arg-type]  # nobody connects
    for name in edges:
        fanout.edges[name] = Edge(Hello(name, region="eu", address=ADDRESS), 0.0, connected=True)
    return fanout


def routing_over(fanout: Fanout, clock) -> RoutingService:
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
def test_judge_answer(line, found):
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


def test_each_edge_has_its_own_time_and_a_broken_stream_is_probed_at_once(clock):
    fanout = fanout_with(clock, "e1", "e2")
    routing = routing_over(fanout, clock)
    prober = Prober(routing, clock, jitter=iter([0.25, 0.5, *[0.5] * 100]).__next__)
    assert prober.due_edges() == []
    clock.move(0.5)
    assert prober.due_edges() == [("e1", ADDRESS)]
    clock.move(0.5)
    assert prober.due_edges() == [("e2", ADDRESS)]
    fanout.edges["e2"].connected = False
    assert prober.due_edges() == [("e2", ADDRESS)]
    assert prober.due_edges() == []
    clock.move(PROBE_EVERY)
    assert len(prober.due_edges()) == 2


async def test_a_hung_probe_delays_no_other(clock):
    routing = routing_over(fanout_with(clock, "e1"), clock)
    asked = 0

    async def ask(_: str) -> ProbeResult:
        nonlocal asked
        asked += 1
        if asked == 1:
            await asyncio.Event().wait()
        return ProbeResult(well=False, reached=False, detail="no connection")

    task = asyncio.ensure_future(Prober(routing, clock, send=ask, jitter=lambda: 0.5).run())  # noqa: TID251 (the test owns it)
    for _ in range(30):
        await turns(5)
        clock.move(0.25)
    assert asked >= 3
    assert routing.histories["e1"].probes["c1"].failures == asked - 1
    assert routing.probed["failed"] == asked - 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_replicas_exchange_probe_results(clock, monkeypatch):
    routing = routing_over(fanout_with(clock, "e1"), clock)
    other = routing_over(fanout_with(clock, "e1"), clock)
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
    await Prober(routing, clock, store).exchange_notes()  # type: ignore[arg-type]
    assert said[0][0] == "probes"
    heard = routing.histories["e1"].probes["c2"]
    assert (heard.failures, heard.reached, heard.detail) == (1, False, "refused")
    assert heard.at == pytest.approx(clock.mono() - 1.0 - 10.0)
    await Prober(routing, clock).exchange_notes()
    assert len(said) == 1, "a single replica publishes nothing"
