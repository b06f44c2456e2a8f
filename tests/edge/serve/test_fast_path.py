"""The fast path: it answers only while all that its decisions rest on still holds."""

from __future__ import annotations

import json
from math import inf

import pytest

from cache.cache import PurgeRequest
from edge.app import Edge
from edge.counters import Tally
from edge.policy.configured_routes import make_routes
from edge.policy.profile import PROFILES
from edge.policy.route import RoutedRequest, media_route
from edge.policy.rules import Rules
from edge.serve.fast_path import MAX_GRANTS, carried_by_path, keep_grant, make_grant
from edge.settings import EdgeSettings
from edge.wire.request import Request
from edge.wire.request_template import Grant
from kernel.auth.claims import Permit
from kernel.settings.table import resolve
from kernel.vocabulary import Refusal
from tests.scenario.stage import Node, Scenario
from tests.scenario.wire import FOLDER, Wire

SCOPE = "/cdn/eu/title1/"


async def _ready(s: Scenario, **settings: object) -> tuple[Edge, Node, Wire]:
    """An edge with three warm segments and a connection to it."""
    rules = s.folder / "rules.json"
    rules.write_text("{}")
    o1 = s.origin("o1")
    e1 = s.edge("e1", upstream=o1, tokens="required", rules=rules, **settings)
    for number in (1, 2, 3):
        o1.expects(f"{FOLDER}0000{number}.m4s").answers(200, b"segment %d" % number, cache_control="max-age=600")
    wire = await Wire.to(await e1.started())
    token = s.token(SCOPE, session="warm")
    for number in (1, 2, 3):
        wire.asks(f"0000{number}.m4s", before=f"/t/{token}")
        assert (await wire.gets())[0] == 200
    assert e1.edge is not None
    return e1.edge, e1, wire


async def _gets(wire: Wire, token: str, number: int) -> int:
    wire.asks(f"0000{number}.m4s", before=f"/t/{token}")
    return (await wire.gets())[0]


async def test_the_second_hit_of_a_folder_goes_straight_and_is_counted_and_logged(tcp: Scenario) -> None:
    """The long way once, then straight; the numbers and the log do not tell them apart."""
    edge, node, wire = await _ready(tcp)
    token = tcp.token(SCOPE, session="s1")
    assert [await _gets(wire, token, number) for number in (1, 2, 3, 2)] == [200] * 4
    assert edge.counts.fast_path_hits == 3
    node.counts(requests=7, hits=4, misses=3)
    wire.writer.close()
    await node.stops()
    lines = [json.loads(line) for line in (tcp.folder / "e1" / "access.log").read_text().splitlines()]
    hits = [line for line in lines if line["outcome"] == "hit"]
    assert [line["path"] for line in hits] == [f"{FOLDER}0000{number}.m4s" for number in (1, 2, 3, 2)]
    assert {(line["session"], line["country"], line["bytes"], line["status"]) for line in hits} == {
        ("s1", "DE", 9, 200)
    }
    assert len({line["trace_id"] for line in lines}) == len(lines)


async def test_a_token_that_expires_on_an_open_connection_is_refused(tcp: Scenario) -> None:
    """At the second it expires, straight or not."""
    edge, _, wire = await _ready(tcp)
    token = tcp.token(SCOPE, ttl=30)
    assert [await _gets(wire, token, number) for number in (1, 2)] == [200, 200]
    before = edge.counts.fast_path_hits
    await tcp.clock.advance(31)
    assert await _gets(wire, token, 3) == 403
    assert edge.counts.fast_path_hits == before
    wire.writer.close()


async def test_new_rules_count_from_the_next_request_of_an_open_connection(tcp: Scenario) -> None:
    """A country taken away, a session revoked: remembered permission is worth nothing under new rules."""
    edge, _, wire = await _ready(tcp)
    token = tcp.token(SCOPE, session="s1")
    assert [await _gets(wire, token, number) for number in (1, 2)] == [200, 200]
    (tcp.folder / "rules.json").write_text(json.dumps({"revoked_sessions": ["s1"]}))
    edge.reload()
    assert await _gets(wire, token, 2) == 403
    (tcp.folder / "rules.json").write_text(json.dumps({"titles": {"title1": {"allow": ["FR"]}}}))
    edge.reload()
    assert await _gets(wire, token, 2) == 451
    (tcp.folder / "rules.json").write_text("{}")
    edge.reload()
    assert [await _gets(wire, token, number) for number in (1, 2)] == [200, 200]
    wire.writer.close()


async def test_other_routes_count_from_the_next_request_of_an_open_connection(tcp: Scenario) -> None:
    """What was permitted under the old is decided anew, and a head made ready this second is made anew."""
    edge, _, wire = await _ready(tcp)
    token = tcp.token(SCOPE)
    assert [await _gets(wire, token, number) for number in (1, 2, 3)] == [200] * 3
    before = edge.counts.fast_path_hits
    (route,) = resolve(EdgeSettings, file={"upstream": "http://h:1", "tokens": "off", "route": [{"cors": "off"}]}).route
    rules = edge.node.rules
    edge.handler.use_routes(make_routes(PROFILES["media"], [route]))
    assert edge.node.rules == rules
    wire.asks("00002.m4s", before=f"/t/{token}")
    head = await wire.reader.readuntil(b"\r\n\r\n")
    assert b"Access-Control-Allow-Origin" not in head
    assert await wire.reader.readexactly(9) == b"segment 2"
    assert edge.counts.fast_path_hits == before
    assert await _gets(wire, token, 2) == 200
    assert edge.counts.fast_path_hits == before + 1
    wire.writer.close()


async def test_a_licence_window_that_closes_on_an_open_connection_is_refused(tcp: Scenario) -> None:
    """The moment the licence ends, the next segment is refused."""
    from kernel.documents import moment_text

    edge, _, wire = await _ready(tcp)
    until = moment_text(float(int(tcp.clock.wall()) + 20))
    (tcp.folder / "rules.json").write_text(json.dumps({"titles": {"title1": {"until": until}}}))
    edge.reload()
    token = tcp.token(SCOPE)
    assert [await _gets(wire, token, number) for number in (1, 2)] == [200, 200]
    await tcp.clock.advance(21)
    assert await _gets(wire, token, 3) == 403
    wire.writer.close()


async def test_one_viewer_s_grant_is_not_another_token_s(tcp: Scenario) -> None:
    """On one connection: the folder's URL has the token in it, so another token or none is decided anew."""
    _, _, wire = await _ready(tcp)
    good, other = tcp.token(SCOPE), tcp.token("/cdn/eu/title2/")
    assert [await _gets(wire, good, number) for number in (1, 2)] == [200, 200]
    assert await _gets(wire, other, 2) == 403
    assert await _gets(wire, good[:-4] + "AAAA", 2) == 401
    wire.asks("00002.m4s")
    assert (await wire.gets())[0] == 401
    wire.asks("../../title2/v720/00002.m4s", before=f"/t/{good}")
    assert (await wire.gets())[0] == 400
    wire.writer.close()


async def test_a_token_from_a_cookie_opens_one_request_only(tcp: Scenario) -> None:
    """What a header permitted is not remembered for requests without it."""
    _, _, wire = await _ready(tcp)
    token = tcp.token(SCOPE)
    for _ in range(2):
        wire.asks("00001.m4s", extra=f"Cookie: URISigningPackage={token}\r\n")
        assert (await wire.gets())[0] == 200
    wire.asks("00001.m4s")
    assert (await wire.gets())[0] == 401
    wire.writer.close()


async def test_a_stale_object_does_not_go_straight(tcp: Scenario) -> None:
    """A soft purge ended its time: it is fetched again like any other."""
    edge, _, wire = await _ready(tcp)
    token = tcp.token(SCOPE, ttl=3600)
    assert [await _gets(wire, token, number) for number in (1, 2)] == [200, 200]
    before = edge.counts.fast_path_hits
    await edge.cache.purge(PurgeRequest(everything=True, soft=True))
    tcp.origins[0].expects(f"{FOLDER}00002.m4s").answers(200, b"segment 2", cache_control="max-age=600")
    assert await _gets(wire, token, 2) == 200
    assert edge.counts.fast_path_hits == before
    wire.writer.close()


async def test_age_and_ttl_move_on_a_straight_hit(tcp: Scenario) -> None:
    """The head is made anew each second."""
    _, _, wire = await _ready(tcp)
    token = tcp.token(SCOPE)
    assert [await _gets(wire, token, number) for number in (1, 2)] == [200, 200]
    await tcp.clock.advance(7)
    wire.asks("00002.m4s", before=f"/t/{token}")
    head = (await wire.reader.readuntil(b"\r\n\r\n")).decode()
    assert "\r\nAge: 7\r\n" in head
    assert "\r\nCache-Status: e1; hit; ttl=593\r\n" in head
    await wire.reader.readexactly(9)
    wire.writer.close()


# -- what may be remembered --

SEG = b"/cdn/eu/title1/v720/00001.m4s"
PERMIT = Permit(prefix=b"/cdn/eu/title1/", not_before=10.0, expires=100.0, session="s1")


def _asked(target: bytes, **fields: bytes) -> tuple[Request, RoutedRequest]:
    request = Request(b"GET", target, {name.encode(): value for name, value in fields.items()}, 1, keep_alive=True)
    asked = media_route(request)
    assert not isinstance(asked, Refusal)
    return request, asked


def test_a_grant_is_for_the_folder_and_the_token_s_time() -> None:
    """The key's beginning and the times come from what was permitted."""
    _, asked = _asked(b"/t/abc" + SEG)
    made = make_grant(asked, PERMIT, Rules(), None, b"log", Tally())
    assert made is not None
    assert (made.key, made.starts, made.ends) == (b"title1/v720/", 10.0, 100.0)


def test_the_licence_s_window_bounds_it() -> None:
    """A licence that opens later or closes earlier than the token counts."""
    rules = Rules.parse({"titles": {"title1": {"from": "1970-01-01T00:00:20Z", "until": "1970-01-01T00:00:50Z"}}})
    made = make_grant(_asked(SEG)[1], PERMIT, rules, None, b"", Tally())
    assert made is not None
    assert (made.starts, made.ends) == (20.0, 50.0)


@pytest.mark.parametrize(
    ("target", "permit", "rules"),
    [
        (b"/cdn/eu/title1/master.m3u8", PERMIT, Rules()),
        (b"/cdn/eu/title1/720_00001.ts", PERMIT, Rules()),
        (SEG, Permit(prefix=None, digest=b"x", not_before=0.0, expires=inf), Rules()),
        (SEG, PERMIT, Rules.parse({"revoked_sessions": [{"id": "s1", "until": "2100-01-01T00:00:00Z"}]})),
    ],
)
def test_what_may_differ_within_a_folder_is_not_remembered(target: bytes, permit: Permit, rules: Rules) -> None:
    """Files directly below the title, scopes that are no prefix, sessions that rules name."""
    assert make_grant(_asked(target)[1], permit, rules, None, b"", Tally()) is None


@pytest.mark.parametrize(
    ("target", "fields", "alone"),
    [
        (b"/t/abc" + SEG, {}, True),
        (SEG + b"?token=abc", {}, False),
        (SEG, {"cookie": b"URISigningPackage=abc"}, False),
        (SEG, {"authorization": b"Bearer abc"}, False),
        (b"/t/abc/cdn/eu/title1/v72%30/00001.m4s", {}, False),
    ],
)
def test_only_what_the_target_alone_decided_is_remembered(target: bytes, fields: dict[str, bytes], alone: bool) -> None:
    """A token from a cookie must not open the folder for the next request, which may bring none."""
    request, asked = _asked(target, **fields)
    assert carried_by_path(request, asked) is alone


def test_a_path_within_a_query_is_no_folder() -> None:
    """The query of one file must not lend another file's name: the cut at the last slash would lie in it."""
    request, asked = _asked(b"/cdn/eu/t1/v720/x.m4s?/cdn/eu/t1/v720/x.m4s")
    assert asked.path == b"/cdn/eu/t1/v720/x.m4s"
    assert not carried_by_path(request, asked)


def test_a_connection_remembers_a_bounded_number_of_folders():
    """Each by its URL up to the last slash; the oldest is forgotten."""
    grants: dict[bytes, Grant] = {}
    made = Grant(b"f/v720/", 0.0, 1.0, None, None, b"", b"", Tally())
    for number in range(MAX_GRANTS + 1):
        keep_grant(grants, b"/t/abc/f/v%d/1.m4s" % number, made)
    assert len(grants) == MAX_GRANTS
    assert b"/t/abc/f/v0/" not in grants
    assert grants[b"/t/abc/f/v16/"] is made
