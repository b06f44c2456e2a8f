"""Control: rules and keys by push, and every edge goes on without it."""

from __future__ import annotations

import asyncio

from tests.doubles.clock import until
from tests.scenario.stage import SIGNING, Node, Scenario, public_jwks

SEG = "/cdn/eu/title1/v720/00001.m4s"
SCOPE = "/cdn/eu/title1/"


async def _in_force(node: Node, version: int) -> None:
    """Let the push come through; the state is written by a thread, so the loop must turn for real."""
    await until(
        lambda: node.edge is not None and node.edge.node.rules.version >= version, f"{node.name}: no rules {version}"
    )


async def test_a_country_removed_while_it_plays_is_refused_at_once(s: Scenario) -> None:
    """The next request gets 451, with no restart, on what was a hit a moment ago."""
    c1, o1 = s.control("c1"), s.origin("o1")
    c1.publishes("title1", allow=["DE", "FR"])
    e1 = s.edge("e1", upstream=o1, control=c1, tokens="required")
    o1.expects(SEG).answers(200, b"segment", cache_control="max-age=60")
    german = s.viewer("german", at=e1, country="DE", token=s.token(SCOPE))
    assert (await german.gets(SEG)).status == 200
    c1.publishes("title1", allow=["FR"])
    await _in_force(e1, c1.desired.revision)
    assert (await german.gets(SEG)).status == 451


async def test_an_edge_killed_and_started_without_control_still_refuses(s: Scenario) -> None:
    """The last good state on disk counts: what was licensed plays, what was not does not."""
    c1, o1 = s.control("c1"), s.origin("o1")
    c1.publishes("title1", allow=["FR"])
    e1 = s.edge("e1", upstream=o1, control=c1, tokens="required")
    await e1.started()
    await _in_force(e1, c1.desired.revision)
    await _saved(e1)
    await c1.goes_down()
    await e1.is_killed()
    starting = asyncio.ensure_future(e1.started())
    while not starting.done():
        await s.clock.advance(0.5)
    o1.expects(SEG).answers(200, b"segment", cache_control="max-age=60")
    token = s.token(SCOPE)
    assert (await s.viewer("german", at=e1, country="DE", token=token).gets(SEG)).status == 451
    assert (await s.viewer("french", at=e1, country="FR", token=token).gets(SEG)).body == b"segment"
    assert e1.edge is not None
    assert e1.edge.readiness() == (True, "degraded")


async def test_a_title_that_control_does_not_list_is_denied(s: Scenario) -> None:
    """Deny by default under control."""
    c1, o1 = s.control("c1"), s.origin("o1")
    e1 = s.edge("e1", upstream=o1, control=c1, tokens="required")
    assert (await s.viewer("v", at=e1, country="DE", token=s.token(SCOPE)).gets(SEG)).status == 451


async def test_rotated_keys_count_at_once(s: Scenario) -> None:
    """A token of a key that was taken away is refused though it was remembered; both keys are good in between."""
    from kernel.auth.signing_keys import generate_ed25519_pem

    c1, o1 = s.control("c1", default="allow"), s.origin("o1")
    e1 = s.edge("e1", upstream=o1, control=c1, tokens="required")
    o1.expects(SEG).answers(200, b"segment", cache_control="max-age=60")
    new = generate_ed25519_pem()
    old_viewer = s.viewer("old", at=e1, token=s.token(SCOPE))
    new_viewer = s.viewer("new", at=e1, token=s.token(SCOPE, key=new, kid="new"))
    assert [(await one.gets(SEG)).status for one in (old_viewer, new_viewer)] == [200, 401]
    assert e1.edge is not None
    memo = e1.edge.node.memo
    assert memo is not None
    c1.rotates_keys({"keys": public_jwks(SIGNING, "stage")["keys"] + public_jwks(new, "new")["keys"]})
    await _keys(e1, 2)
    assert [(await one.gets(SEG)).status for one in (old_viewer, new_viewer)] == [200, 200]
    c1.rotates_keys(public_jwks(new, "new"))
    await _keys(e1, 1)
    assert [(await one.gets(SEG)).status for one in (old_viewer, new_viewer)] == [401, 200]


async def test_a_revoked_session_is_refused_on_hits_too(s: Scenario) -> None:
    """The session's tokens end everywhere, other sessions go on."""
    c1, o1 = s.control("c1", default="allow"), s.origin("o1")
    e1 = s.edge("e1", upstream=o1, control=c1, tokens="required")
    o1.expects(SEG).answers(200, b"segment", cache_control="max-age=60")
    bad, good = (s.viewer(name, at=e1, token=s.token(SCOPE, session=name)) for name in ("bad", "good"))
    assert [(await one.gets(SEG)).status for one in (bad, good)] == [200, 200]
    c1.revokes("bad")
    await _in_force(e1, c1.desired.revision)
    got = await bad.gets(SEG)
    assert (got.status, got.reason) == (403, "token-revoked")
    assert (await good.gets(SEG)).status == 200


async def _keys(node: Node, number: int) -> None:
    def there() -> bool:
        return node.edge is not None and node.edge.node.memo is not None and len(node.edge.node.memo.keys) == number

    await until(there, f"{node.name} never had {number} keys")


async def _saved(node: Node) -> None:
    assert node.edge is not None
    subscriber = node.edge.subscriber
    assert subscriber is not None
    from edge.fleet.state_file import StateFile

    assert node.edge.settings.fleet_dir is not None
    file = StateFile(node.edge.settings.fleet_dir)
    in_force = node.edge.node

    def saved() -> bool:
        state = file.load()
        return state is not None and state.rules.version == in_force.rules.version

    await until(saved, f"{node.name} never saved its state")


async def test_a_shield_of_the_fleet_asks_no_edge_for_its_country(s: Scenario) -> None:
    """Edges have judged the viewer; to the shield a licensed title would be one in an unknown country."""
    c1, o1 = s.control("c1"), s.origin("o1")
    c1.publishes("title1", allow=["FR"])
    s1 = s.shield("s1", upstream=o1, control=c1)
    e1 = s.edge("e1", upstream=s1, control=c1, tokens="required")
    o1.expects(SEG).answers(200, b"segment", cache_control="max-age=60")
    token = s.token(SCOPE)
    assert (await s.viewer("french", at=e1, country="FR", token=token).gets(SEG)).body == b"segment"
    assert (await s.viewer("german", at=e1, country="DE", token=token).gets(SEG)).status == 451
