"""Looking at nodes over HTTP."""

import aiohttp
import pytest
from aiohttp import web

from loadtest.nodes.poll import NodePoller, parse_metrics
from loadtest.nodes.series import Node, NodeRole


@pytest.fixture
async def address():
    state = {"requests": 10, "bodies": 0}

    async def stats(_):
        state["requests"] += 5
        return web.json_response(
            {"requests": state["requests"], "hits": 6, "stale_hits": 1, "collapsed": 1, "misses": 2, "mode": "x"}
        )

    async def metrics(_):
        state["bodies"] += 2
        text = f'# HELP x\nmatinee_edge_fills_total{{end="done"}} 7\nx_total{{a="b"}} {state["bodies"]}\n'
        rows = (f'matinee_origin_requests_total{{status="{each}"}} {state["bodies"]}\n' for each in (200, 206, 304))
        return web.Response(text=text + "".join(rows))

    async def broken(_):
        return web.Response(text="[1, 2")

    app = web.Application()
    app.add_routes([web.get("/stats", stats), web.get("/metrics", metrics), web.get("/broken", broken)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def looked_at(*nodes, times=2):
    poller = NodePoller(lambda: nodes, 60.0)
    async with aiohttp.ClientSession() as session:
        for at_s in range(times):
            await poller.look(session, at_s)
    return poller.series


async def test_an_edge_is_asked_for_its_stats(address):
    found = (await looked_at(Node("e1", NodeRole.EDGE, stats=f"{address}/stats")))["e1"]
    assert found.total("requests") == 5
    assert found.total("hits") == 0
    assert found.missed == 0


async def test_a_shield_is_asked_for_its_metrics(address):
    found = (await looked_at(Node("s", NodeRole.SHIELD, stats=f"{address}/stats", metrics=f"{address}/metrics")))["s"]
    assert found.total("fills") == 0


async def test_what_an_origin_sends_with_a_body_is_counted(address):
    found = (await looked_at(Node("o", NodeRole.ORIGIN, metrics=f"{address}/metrics")))["o"]
    assert found.total("bodies") == 4


@pytest.mark.parametrize("path", ["/broken", "/missing"])
async def test_what_a_node_answers_badly_is_a_missed_look(address, path):
    found = (await looked_at(Node("e", NodeRole.EDGE, stats=address + path, metrics=address + path)))["e"]
    assert (found.samples, found.missed) == (2, 2)


async def test_a_dead_node_is_a_missed_look():
    found = (await looked_at(Node("e", NodeRole.EDGE, stats="http://127.0.0.1:1/stats"), times=1))["e"]
    assert found.missed == 1


def test_metrics_are_summed_over_their_labels():
    text = '# TYPE a counter\na_total{b="1"} 2\na_total{b="2"} 3.5\nc 1e3\nbroken line\n\nd{x="y z"} NaN\n'
    found = parse_metrics(text)
    assert (found["a_total"], found['a_total{b="2"}'], found["c"]) == (5.5, 3.5, 1000)
    assert "broken" not in found
