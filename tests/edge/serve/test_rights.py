"""What a viewer may have before he asks, and what he took."""

from __future__ import annotations

from edge.policy.locate import Viewer
from edge.policy.route import MEDIA, media_route
from edge.wire.request import Request
from kernel.vocabulary import Refusal
from tests.scenario.stage import Scenario

SEG = b"/cdn/eu/film/v720/1.m4s"


async def test_it_is_as_if_he_asked(tcp: Scenario) -> None:
    """A token for the title opens it; for another it does not; none does not."""
    e1 = tcp.edge("e1", upstream=tcp.library("o1"), tokens="required")
    await e1.started()
    assert e1.edge is not None
    asked = media_route(Request(b"GET", SEG, {}, 1, keep_alive=True), MEDIA)
    assert not isinstance(asked, Refusal)
    viewer = Viewer("127.0.0.1")
    verdicts = [
        e1.edge.handler.permits(asked._replace(token=token and token.encode()), viewer)
        for token in (tcp.token("/cdn/eu/film/"), tcp.token("/cdn/eu/other/"), None)
    ]
    assert verdicts == [True, False, False]


async def test_what_is_prefetched_of_us_nobody_took(tcp: Scenario) -> None:
    e1 = tcp.edge("e1", upstream=tcp.library("o1"))
    await e1.started()
    assert e1.edge is not None
    story = e1.edge.handler
    asked = media_route(Request(b"GET", SEG, {}, 1, keep_alive=True), MEDIA)
    assert not isinstance(asked, Refusal)
    story.count(Request(b"GET", SEG, {}, 1, keep_alive=True), asked, 10)
    story.count(Request(b"GET", SEG, {b"sec-purpose": b"prefetch"}, 1, keep_alive=True), asked, 10)
    story.popularity.sweep(0.0)
    assert [round(row.bytes) for row in story.popularity.rows(0.0)] == [10]
