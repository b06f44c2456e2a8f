"""What is in force at an edge decides what viewers may have."""

from __future__ import annotations

from edge.policy.locate import Viewer
from edge.policy.node import authorise_request
from edge.policy.route import MEDIA, media_route
from edge.wire.request import Request
from kernel.auth.claims import Permit
from kernel.vocabulary import Refusal
from tests.scenario.stage import Scenario


async def test_a_token_for_the_title_is_needed_and_enough(tcp: Scenario) -> None:
    """A token for the title opens it; one for another title does not; none does not."""
    e1 = tcp.edge("e1", upstream=tcp.library("o1"), tokens="required")
    await e1.started()
    assert e1.edge is not None
    routed = media_route(Request(b"GET", b"/cdn/eu/film/v720/1.m4s", {}, 1, keep_alive=True), MEDIA)
    assert not isinstance(routed, Refusal)
    verdicts = [
        authorise_request(
            routed._replace(token=token and token.encode()), Viewer("127.0.0.1"), e1.edge.node, tcp.clock.wall()
        )
        for token in (tcp.token("/cdn/eu/film/"), tcp.token("/cdn/eu/other/"), None)
    ]
    assert isinstance(verdicts[0], Permit)
    assert verdicts[1:] == [Refusal.SCOPE, Refusal.TOKEN_MISSING]
