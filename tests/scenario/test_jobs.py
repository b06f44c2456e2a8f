"""Jobs: purges with receipts, shields first; who was away purges before it is ready; prefetches."""

from __future__ import annotations

import asyncio

from tests.doubles.clock import turns, until
from tests.scenario.stage import Node, Scenario

SEG, OTHER = "/cdn/eu/title1/v720/00001.m4s", "/cdn/eu/title2/v720/00001.m4s"
DAY = "max-age=86400"


async def filled(s: Scenario, o1, e1: Node, body: bytes, path: str = SEG) -> None:
    o1.expects(path).answers(200, body, cache_control=DAY, surrogate_key=path.split("/")[3], etag='"a"')
    assert (await s.viewer("filler", at=e1).gets(path)).body == body


async def starts_alone(s: Scenario, node: Node) -> None:
    starting = asyncio.ensure_future(node.started())
    while not starting.done():
        await s.clock.advance(0.5)
        await asyncio.sleep(0.001)


async def test_after_the_last_receipt_nobody_gets_the_old_bytes(s: Scenario) -> None:
    """Through edge and shield, from RAM and disk: the receipt of each comes when all its tiers have dropped it."""
    c1, o1 = s.control("c1", default="allow"), s.origin("o1")
    s1 = s.shield("s1", upstream=o1, control=c1)
    e1, e2 = (s.edge(name, upstream=s1, control=c1) for name in ("e1", "e2"))
    await filled(s, o1, e1, b"old")
    assert (await s.viewer("v", at=e2).gets(SEG)).body == b"old"
    seq = c1.purges("title1")
    await c1.purged(seq, s1, e1, e2)
    await turns()
    assert {name: one.count for name, one in c1.jobs.receipts[seq].items()} == {"s1": 1, "e1": 1, "e2": 1}
    o1.expects(SEG).answers(200, b"new", cache_control=DAY, etag='"b"')
    for node in (e1, e2):
        assert (await s.viewer("v", at=node).gets(SEG)).body == b"new"


async def test_an_edge_that_was_away_purges_before_it_is_ready(s: Scenario) -> None:
    """What was purged while it was down it drops before it takes the first viewer; the rest stays."""
    c1, o1 = s.control("c1", default="allow"), s.origin("o1")
    e1 = s.edge("e1", upstream=o1, control=c1)
    await filled(s, o1, e1, b"old")
    await filled(s, o1, e1, b"stays", OTHER)
    await c1.purged(0, e1)
    await e1.written()
    await e1.is_killed()
    c1.purges("title1")
    await e1.started()
    assert e1.edge is not None
    assert e1.edge.readiness() == (True, "ready")
    o1.expects(SEG).answers(200, b"new", cache_control=DAY)
    assert (await s.viewer("v", at=e1).gets(SEG)).body == b"new"
    assert (await s.viewer("v", at=e1).gets(OTHER)).body == b"stays"


async def test_an_edge_that_the_log_has_forgotten_drops_everything(s: Scenario) -> None:
    """Whatever was purged meanwhile nobody can tell it."""
    c1, o1 = s.control("c1", default="allow"), s.origin("o1")
    e1 = s.edge("e1", upstream=o1, control=c1)
    await filled(s, o1, e1, b"old", OTHER)
    await c1.purged(0, e1)
    await e1.written()
    await e1.is_killed()
    await c1.goes_down()
    c1.purges("title1")
    c1.jobs.forgets()
    c1.comes_back()
    await e1.started()
    e1.counts(objects=0)
    o1.expects(OTHER).answers(200, b"new", cache_control=DAY)
    assert (await s.viewer("v", at=e1).gets(OTHER)).body == b"new"
    await c1.purged(1, e1)


async def test_a_late_shield_is_named_and_when_it_comes_the_edges_purge_again(s: Scenario) -> None:
    """An edge fills old bytes from a shield that has not purged; they go with the job that refers to the first."""
    c1, o1 = s.control("c1", default="allow"), s.origin("o1")
    s1 = s.shield("s1", upstream=o1, control=c1)
    e1 = s.edge("e1", upstream=s1, control=c1)
    await filled(s, o1, e1, b"old")
    begun, held = _holds_purges(s1)
    seq = c1.purges("title1")
    await begun.wait()
    await turns()
    assert not c1.has_done(seq, "e1")
    await s.clock.advance(5)
    await c1.purged(seq, e1)
    assert c1.jobs.late == {seq: ["s1"]}
    assert (await s.viewer("early", at=e1).gets(SEG)).body == b"old"
    held.set()
    await c1.purged(seq + 1, s1, e1)
    assert c1.jobs.entries[-1].refers == (seq,)
    o1.expects(SEG).answers(200, b"new", cache_control=DAY)
    assert (await s.viewer("later", at=e1).gets(SEG)).body == b"new"


def _holds_purges(node: Node) -> tuple[asyncio.Event, asyncio.Event]:
    """From now on its purges set the first event and wait for the second."""
    assert node.edge is not None
    purge, begun, held = node.edge.cache.purge, asyncio.Event(), asyncio.Event()

    async def waits(request):
        begun.set()
        await held.wait()
        return await purge(request)

    node.edge.cache.purge = waits  # type: ignore[method-assign]
    return begun, held


async def test_a_purge_while_control_restarts_reaches_everybody(s: Scenario) -> None:
    """It is in the log: edges that connect anew are told, and those that had done it are not asked again."""
    c1, o1 = s.control("c1", default="allow"), s.origin("o1")
    e1, e2 = (s.edge(name, upstream=o1, control=c1) for name in ("e1", "e2"))
    await filled(s, o1, e1, b"old")
    await e2.started()
    seq = c1.purges("title1")
    await c1.purged(seq, e1, e2)
    await c1.goes_down()
    later = c1.purges("title2")
    c1.comes_back()
    for _ in range(40):
        await s.clock.advance(0.5)
    await c1.purged(later, e1, e2)
    await until(lambda: set(c1.jobs.receipts.get(later, ())) == {"e1", "e2"})
    assert e1.edge is not None
    assert e1.edge.jobs is not None
    assert e1.edge.jobs.completed["purge"] == 2


async def test_an_edge_that_starts_without_control_revalidates_what_is_older(s: Scenario) -> None:
    """What was stored before control was last heard may have been purged since: a 304 brings it back."""
    c1, o1 = s.control("c1", default="allow"), s.origin("o1")
    e1 = s.edge("e1", upstream=o1, control=c1)
    await filled(s, o1, e1, b"old")
    await c1.purged(0, e1)
    await e1.written()
    await c1.goes_down()
    await e1.is_killed()
    await starts_alone(s, e1)
    assert e1.edge is not None
    assert e1.edge.readiness() == (True, "degraded")
    o1.expects(SEG, if_none_match='"a"').answers(304, etag='"a"', cache_control=DAY)
    assert (await s.viewer("v", at=e1).gets(SEG)).body == b"old"
    assert (await s.viewer("v", at=e1).gets(SEG)).cache_status.startswith("e1; hit")


async def test_a_prefetch_brings_objects_and_says_so(s: Scenario) -> None:
    """Edges fetch them through their shield; the receipt has how many and how large."""
    c1, o1 = s.control("c1", default="allow"), s.origin("o1")
    s1 = s.shield("s1", upstream=o1, control=c1)
    e1 = s.edge("e1", upstream=s1, control=c1)
    await e1.started()
    o1.expects(SEG).answers(200, b"segment", cache_control=DAY)
    seq = c1.prefetches(SEG)
    await until(lambda: "e1" in c1.jobs.receipts.get(seq, {}))
    receipt = c1.jobs.receipts[seq]["e1"]
    assert (receipt.count, receipt.bytes, receipt.status) == (1, len(b"segment"), "done")
    assert "e1; hit" in (await s.viewer("v", at=e1).gets(SEG)).cache_status
