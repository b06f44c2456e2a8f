"""What a request asks for: token, path, key, name upstream."""

import pytest

from edge.policy.route import RoutedRequest, general_route, is_loop, media_route
from edge.wire.request import Request
from kernel.vocabulary import Refusal

JWT = b"eyJh.eyJi.c2ln"


def request(target: bytes, method: bytes = b"GET", **fields: bytes) -> Request:
    return Request(method, target, {name.encode(): value for name, value in fields.items()}, 1, keep_alive=True)


def media(target: bytes, **fields: bytes) -> RoutedRequest:
    found = media_route(request(target, **fields))
    assert isinstance(found, RoutedRequest)
    return found


def test_the_cdn_form():
    asked = media(b"/t/%s/cdn/eu/title1/v720/1.m4s" % JWT)
    assert asked.token == JWT
    assert asked.path == asked.upstream_target == b"/cdn/eu/title1/v720/1.m4s"
    assert asked.key == b"title1/v720/1.m4s"
    assert asked.shard_key == b"title1/v720"


def test_the_region_splits_neither_key_nor_shard():
    here, there = media(b"/cdn/eu/title1/v720/1.m4s"), media(b"/cdn/us/title1/v720/1.m4s")
    assert (here.key, here.shard_key) == (there.key, there.shard_key)
    assert there.upstream_target == b"/cdn/us/title1/v720/1.m4s"


@pytest.mark.parametrize("query", [b"?CMCD=bl%3D1", b"?x", b"?", b"?a=/../b", b"?token=%s" % JWT])
def test_the_query_is_neither_keyed_nor_sent(query: bytes):
    asked = media(b"/cdn/eu/title1/a.mp4" + query)
    assert (asked.key, asked.upstream_target) == (b"title1/a.mp4", b"/cdn/eu/title1/a.mp4")


@pytest.mark.parametrize(
    ("target", "fields"),
    [
        (b"/t/%s/cdn/eu/title1/a.mp4", {}),
        (b"/cdn/eu/title1/a.mp4?token=%s", {}),
        (b"/cdn/eu/title1/a.mp4?URISigningPackage=%s", {}),
        (b"/cdn/eu/title1/a.mp4", {"authorization": b"Bearer " + JWT}),
    ],
)
def test_where_a_token_may_stand(target: bytes, fields: dict):
    asked = media(target % JWT if b"%s" in target else target, **fields)
    assert asked.token == JWT
    assert JWT not in asked.path + asked.upstream_target + asked.key


def test_two_tokens_are_refused():
    found = media_route(request(b"/t/%s/cdn/eu/title1/a.mp4?token=other.%s" % (JWT, JWT)))
    assert isinstance(found, Refusal)


@pytest.mark.parametrize(
    ("target", "why"),
    [
        (b"/cdn/eu/title1/../title2/a", Refusal.PATH),
        (b"/cdn/eu/title1/%2e%2e/title2/a", Refusal.PATH),
        (b"/cdn/eu//title1/a", Refusal.PATH),
        (b"/cdn/eu/title1/a%00", Refusal.PATH),
        (b"/cdn/eu/title1\\a", Refusal.PATH),
        (b"/cdn/eu/title1/a#b", Refusal.PATH),
        (b"/cdn/eu/title1/a?b#c", Refusal.PATH),
        (b"*", Refusal.PATH),
        (b"/", Refusal.NOT_FOUND),
        (b"/cdn/eu/title1", Refusal.NOT_FOUND),
        (b"/cdn/EU/title1/a", Refusal.NOT_FOUND),
        (b"/other/eu/title1/a", Refusal.NOT_FOUND),
        (b"/t/%s/t/%s/cdn/eu/title1/a" % (JWT, JWT), Refusal.NOT_FOUND),
    ],
)
def test_what_media_does_not_know(target: bytes, why: Refusal):
    assert media_route(request(target)) is why


def test_equal_paths_have_one_key():
    assert media(b"/cdn/eu/title1/%61.mp4").key == media(b"/cdn/eu/title1/a.mp4").key


@pytest.mark.parametrize(
    ("target", "host", "upstream", "sent"),
    [
        (b"/A/b?c=%2f;d", b"Some.Host:80", b"/A/b?c=%2f;d", b"some.host"),
        (b"/%7ea%2fb//c;d", b"h:8080", b"/~a%2Fb//c;d", b"h:8080"),
        (b"/a?", b"h", b"/a?", b"h"),
        (b"/a?CMCD=br%3D1&b&%43MCD=x", b"[::1]:80", b"/a?b", b"[::1]"),
        (b"/a?CMCD=br%3D1", b"h:", b"/a", b"h"),
        (b"/a?token=b&%61=%0a", b"h", b"/a?token=b&%61=%0a", b"h"),
    ],
)
def test_general_keys_exactly_what_is_sent_upstream(target: bytes, host: bytes, upstream: bytes, sent: bytes):
    """The query is data but for CMCD; the path and the host have their normal form (RFC 3986 §6.2.2, 9110 §4.2.3)."""
    found = general_route(request(target, host=host))
    assert isinstance(found, RoutedRequest)
    assert (found.upstream_target, found.host) == (upstream, sent)
    assert found.key == sent + upstream
    assert found.cdn is found.token is None


@pytest.mark.parametrize(
    "target",
    [b"/a/../b", b"/a/./b", b"/a/%2e%2E/b", b"/a%2f..%2fb", b"/a%5c..", b"/a%00", b"/a%0a", b"/a%7F", b"/a\\b", b"/a%",
     b"/a%zz", b"/\xc3\xa9", b"/a?b#c", b"/" + b"a" * 16384],
)  # fmt: skip
def test_general_refuses_what_two_programs_read_in_two_ways(target: bytes):
    assert general_route(request(target, host=b"h")) is Refusal.PATH


@pytest.mark.parametrize(
    ("target", "logged"),
    [
        (b"/t/%s/cdn/eu/a?x=1" % JWT, b"/cdn/eu/a?x=1"),
        (b"/a?token=%s" % JWT, b"/a"),
        (b"/a?x=1&URISigningPackage=%s&y" % JWT, b"/a?x=1&y"),
        (b"/t/%s" % JWT, b""),
        (b"/x/t/%s/t/%s/a" % (JWT, JWT), b"/x/a"),
        (b"/t/no-token/a", b"/t/no-token/a"),
        (b"/t/no.token/a", b"/t/no.token/a"),
        (b"/a?x=1", b"/a?x=1"),
        (b"/a", b"/a"),
    ],
)
def test_general_logs_no_token(target: bytes, logged: bytes):
    """It is no profile for tokens; a viewer may send one all the same."""
    found = general_route(request(target, host=b"h"))
    assert isinstance(found, RoutedRequest)
    assert found.path == logged
    assert found.upstream_target == target


@pytest.mark.parametrize("given", [request(b"/a#b"), request(b"a"), request(b"/a", b"CONNECT")])
def test_what_general_refuses(given: Request):
    assert general_route(given) is Refusal.PATH


def test_general_passes_on_the_asterisk_of_options():
    found = general_route(request(b"*", b"OPTIONS", host=b"h"))
    assert isinstance(found, RoutedRequest)
    assert found.upstream_target == b"*"


@pytest.mark.parametrize(
    ("cdn_loop", "mine"), [(b"e1", True), (b"a , e1;x=1", True), (b"e11", False), (b"a;n=e1, b", False), (b"", False)]
)
def test_one_s_own_name_in_cdn_loop(cdn_loop: bytes, mine: bool):
    """RFC 8586 §2: whole names count, parameters do not."""
    assert is_loop("e1", cdn_loop) is mine
