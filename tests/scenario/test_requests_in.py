"""Requests in: order, early ends, slow and silent viewers, crowds (RFC 9112 §9)."""

from __future__ import annotations

import pytest

from tests.scenario.stage import Node, Scenario
from tests.scenario.talk import Talk

GET = b"GET /%b HTTP/1.1\r\nHost: h\r\n\r\n"
BAD = b"GET / HTTP/1.1\r\nHost : h\r\n\r\n"


async def has(s: Scenario, node: Node, name: bytes) -> None:
    """Let the edge fetch it."""
    before = await Talk.to(s, node)
    before.says(GET % name)
    await before.until(1)
    before.transport.abort()


def general(s: Scenario, **settings: object) -> Node:
    return s.edge("e1", upstream=s.origin("o1"), profile="general", **settings)


async def test_requests_behind_a_long_fill_wait_their_turn_and_a_half_closed_viewer_gets_all(s: Scenario) -> None:
    """Order is kept; what is wrong is said where its turn is, after all that was right."""
    held, o1 = s.gate(), s.origin("o1")
    e1 = s.edge("e1", upstream=o1, profile="general")
    o1.expects("/long").waits_for(held, after=2).answers(200, b"long", cache_control="max-age=60")
    o1.expects("/b").answers(200, b"b", cache_control="max-age=60")
    await has(s, e1, b"b")
    viewer = await Talk.to(s, e1)
    viewer.says(GET % b"long" + GET % b"b" + (GET % b"b").replace(b"GET", b"HEAD") + GET % b"b" + BAD + GET % b"never")
    viewer.says_no_more()
    await viewer.until(1)
    assert viewer.statuses == [200]
    held.open()
    await viewer.until_end()
    assert viewer.statuses == [200, 200, 200, 200, 400]
    assert viewer.got.index(b"long") < viewer.got.index(b"\r\n\r\nb")
    assert not viewer.cut


async def test_conditions_in_a_pipeline(s: Scenario) -> None:
    """A 304 has no body, and the next response follows it at once."""
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1, profile="general")
    o1.expects("/a").answers(200, b"body", cache_control="max-age=60", etag='"x"')
    asked = GET % b"a"
    conditional = asked.replace(b"\r\n\r\n", b'\r\nIf-None-Match: "x"\r\n\r\n')
    await has(s, e1, b"a")
    viewer = await Talk.to(s, e1)
    viewer.says(asked + conditional + asked.replace(b"GET", b"HEAD") + conditional + asked)
    await viewer.until(5)
    assert viewer.statuses == [200, 304, 200, 304, 200]
    assert viewer.got.count(b"body") == 2


async def test_a_head_that_trickles_is_given_ten_seconds(s: Scenario) -> None:
    viewer = await Talk.to(s, general(s))
    for byte in b"GET /abcdefg":
        viewer.says(bytes((byte,)))
        await s.clock.advance(1)
    await viewer.until_end()
    assert viewer.statuses == [408]
    assert b"Connection: close" in viewer.got


async def test_who_says_nothing_is_left_and_who_idles_later(s: Scenario) -> None:
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1, profile="general", idle_timeout="30s")
    o1.expects("/a").answers(200, b"a", cache_control="max-age=60")
    silent, idle = await Talk.to(s, e1), await Talk.to(s, e1)
    idle.says(GET % b"a")
    await idle.until(1)
    await s.clock.advance(12)
    await silent.until_end()
    assert silent.got == b""
    assert not idle.ended
    await s.clock.advance(20)
    await idle.until_end()


async def test_who_stops_reading_is_cut_after_a_minute_and_who_reads_a_little_is_not(s: Scenario) -> None:
    """Whatever is queued, and wherever."""
    body = bytes(24 << 20)
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1, profile="general", ram="64MiB")
    o1.expects("/a").answers(200, body, cache_control="max-age=60")
    stopped, slow = await Talk.to(s, e1), await Talk.to(s, e1)
    for viewer in (stopped, slow):
        viewer.stops_reading()
        viewer.says(GET % b"a")
    assert e1.edge is not None
    connections = e1.edge.handler.connections
    await stopped.holds(lambda: sum(one.paused for one in connections) == 2)
    began = s.clock.mono()
    while len(connections) == 2:  # a kernel may go on taking some of the body for who has stopped
        before = len(slow.got)
        slow.reads()
        await slow.holds(lambda before=before: len(slow.got) > before)
        slow.stops_reading()
        await s.clock.advance(20)
        assert len(slow.got) < len(body)
    assert s.clock.mono() - began >= 60
    stopped.transport.abort()
    slow.reads()
    await slow.holds(lambda: len(slow.got) > len(body))
    assert slow.got.endswith(body)


@pytest.mark.parametrize("setting", ["max_connections", "max_connections_per_address"])
async def test_more_viewers_than_may_come_are_turned_away_in_words(s: Scenario, setting: str) -> None:
    e1 = general(s, **{setting: 2})
    inside = [await Talk.to(s, e1) for _ in range(2)]
    turned_away = await Talk.to(s, e1)
    await turned_away.until_end()
    assert turned_away.statuses == [503]
    assert b"Retry-After: 1\r\n" in turned_away.got
    for one in (inside[0], turned_away):
        one.transport.abort()
    assert e1.edge is not None
    await inside[1].holds(lambda: len(e1.edge.handler.connections) == 1)
    assert not (await Talk.to(s, e1)).ended


async def test_any_method_is_passed_on_in_general_and_answered_in_media(s: Scenario) -> None:
    """RFC 9110 §9.1, §15.5.6."""
    o1 = s.origin("o1")
    e1, e2 = s.edge("e1", upstream=o1, profile="general"), s.edge("e2", upstream=o1)
    o1.expects("/a").answers(207, b"many")
    assert (await s.viewer("v", at=e1).gets("/a", method="PROPFIND")).status == 207
    token = s.token("/cdn/eu/title1/")
    refused = await s.viewer("w", at=e2, token=token).gets("/cdn/eu/title1/a.mp4", method="FOO")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
