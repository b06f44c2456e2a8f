"""Access: whose token opens what, and where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kernel.auth.signing_keys import generate_ed25519_pem
from tests.scenario.stage import Scenario

SEG = "/cdn/eu/title1/v720/00001.m4s"
SCOPE = "/cdn/eu/title1/"


@pytest.mark.parametrize(
    ("make", "status", "reason"),
    [
        (lambda s: None, 401, "token-missing"),
        (lambda s: s.token(SCOPE, key=generate_ed25519_pem()), 401, "token-signature"),
        (lambda s: s.token(SCOPE, kid="unknown"), 401, "token-key"),
        (lambda s: s.token("/cdn/eu/title10/"), 403, "scope"),
        (lambda s: s.token(SCOPE, ttl=1), 403, "token-expired"),
        (lambda s: s.token(SCOPE, tier="sd"), 403, "tier"),
        (lambda s: s.token(SCOPE, network="10.0.0.0/8"), 403, "network"),
        (lambda s: "not.a.token", 401, "token-malformed"),
    ],
)
async def test_a_token_is_refused(s: Scenario, make, status: int, reason: str) -> None:
    """What does not verify is 401, what verifies and is not permitted 403; nothing reaches the origin."""
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1, tokens="required")
    token = make(s)
    await e1.started()
    await s.clock.advance(2)
    got = await s.viewer("v", at=e1, token=token).gets(SEG)
    assert (got.status, got.reason) == (status, reason)
    assert got.headers["cache-control"] == "no-store"
    assert got.cache_status == f"e1; detail={reason}"
    assert got.headers["date"].endswith(" GMT")
    assert o1.asked == []


async def test_a_good_token_opens_its_title_hit_or_miss_and_no_other(s: Scenario) -> None:
    """The same token opens every segment of its title; on hits the scope is asked again."""
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1, tokens="required")
    o1.expects(SEG).answers(200, b"segment", cache_control="max-age=60")
    opener = s.viewer("v", at=e1, token=s.token(SCOPE, session="s1"))
    assert (await opener.gets(SEG)).body == b"segment"
    assert (await opener.gets(SEG)).cache_status == "e1; hit; ttl=60"
    other = s.viewer("w", at=e1, token=s.token("/cdn/eu/title2/"))
    assert (await other.gets(SEG)).reason == "scope"
    assert (await other.gets("/cdn/eu/title2/../title1/v720/00001.m4s")).status == 400


async def test_the_token_is_neither_keyed_nor_sent_upstream_nor_logged(s: Scenario) -> None:
    """Two tokens, one object; the origin and the log see the path without."""
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1, tokens="required")
    o1.expects(SEG).answers(200, b"segment", cache_control="max-age=60")
    tokens = [s.token(SCOPE, session=name) for name in ("s1", "s2")]
    for token in tokens:
        assert (await s.viewer("v", at=e1, token=token).gets(SEG)).body == b"segment"
    assert o1.asked == [f"GET {SEG}"]
    await e1.stops()
    log = (s.folder / "e1" / "access.log").read_text()
    assert [json.loads(line)["session"] for line in log.splitlines()] == ["s1", "s2"]
    assert not any(token in log for token in tokens)


async def test_a_title_is_refused_where_it_is_not_licensed(s: Scenario) -> None:
    """The address decides the country; on hits too."""
    rules = s.folder / "rules.json"
    rules.write_text(json.dumps({"default": "allow", "titles": {"title1": {"allow": ["DE"]}}}))
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1, rules=rules)
    o1.expects(SEG).answers(200, b"segment", cache_control="max-age=60")
    assert (await s.viewer("german", at=e1, country="DE").gets(SEG)).body == b"segment"
    refused = await s.viewer("french", at=e1, country="FR").gets(SEG)
    assert (refused.status, refused.reason) == (451, "country")
    unknown = await s.viewer("nowhere", at=e1).gets(SEG)
    assert (unknown.status, unknown.reason) == (451, "country-unknown")


async def test_rules_read_again_on_sighup_count_from_the_next_request(s: Scenario) -> None:
    """A licence taken away refuses what was a hit a moment ago; a broken file changes nothing."""
    rules: Path = s.folder / "rules.json"
    rules.write_text("{}")
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1, rules=rules)
    o1.expects(SEG).answers(200, b"segment", cache_control="max-age=60")
    german = s.viewer("german", at=e1, country="DE")
    assert (await german.gets(SEG)).status == 200
    rules.write_text(json.dumps({"titles": {"title1": {"deny": ["DE"]}}}))
    assert e1.edge is not None
    e1.edge.reload()
    assert (await german.gets(SEG)).status == 451
    rules.write_text("{broken")
    e1.edge.reload()
    assert (await german.gets(SEG)).status == 451


async def test_a_region_that_is_not_served_is_unknown(s: Scenario) -> None:
    """`--region` names what is served; the region does not split the cache."""
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1, region="eu,us")
    o1.expects(SEG).answers(200, b"segment", cache_control="max-age=60")
    viewer = s.viewer("v", at=e1)
    assert (await viewer.gets(SEG)).cache_status == "e1; fwd=uri-miss; stored"
    assert (await viewer.gets(SEG.replace("/eu/", "/us/"))).cache_status == "e1; hit; ttl=60"
    assert (await viewer.gets(SEG.replace("/eu/", "/asia/"))).status == 404
