"""What goes upstream."""

from edge.fill.upstream_request import request_head
from edge.policy.route import general_route, media_route
from edge.wire.request import Request
from kernel.http.forwarding import ReceivedFrom

IDENTITY = b"Accept-Encoding: identity"


def asks(
    profile: str,
    method: bytes = b"GET",
    target: bytes = b"/cdn/eu/t/v/1.m4s",
    came: ReceivedFrom | None = None,
    passing: bool = False,
    **fields: str,
) -> list[bytes]:
    """The lines of the request that a viewer's request becomes."""
    raw = {name.replace("_", "-").encode(): value.encode() for name, value in fields.items()} | {b"host": b"h"}
    route = media_route if profile == "media" else general_route
    asked = route(Request(method, target, raw, 1, keep_alive=True))
    assert not isinstance(asked, str)
    asked = asked._replace(received_from=came or ReceivedFrom())
    head = request_head(b"e1", b"up:1", asked, raw, method, 0, None, passing=passing)
    assert head.endswith(b"\r\n\r\n")
    return head[:-4].split(b"\r\n")


def test_media_sends_an_allow_list_and_names_itself():
    lines = asks("media", x_forwarded_host="evil", accept="*/*", traceparent="00-1")
    assert lines[0] == b"GET /cdn/eu/t/v/1.m4s HTTP/1.1"
    assert set(lines[1:]) == {
        b"Host: up:1", b"Traceparent: 00-1", b"Via: 1.1 e1", b"Cdn-Loop: e1", b"Accept-Encoding: identity"
    }  # fmt: skip


def test_general_sends_all_fields_but_those_that_end_here():
    lines = asks("general", target=b"/a?b", accept="*/*", connection="x-a", x_a="1", range="bytes=0-1", via="1.0 p")
    assert set(lines) == {b"GET /a?b HTTP/1.1", b"Host: h", b"Accept: */*", b"Via: 1.0 p, 1.1 e1", b"Cdn-Loop: e1"}


def test_a_request_that_may_have_a_body_says_how_long_it_is():
    assert b"Content-Length: 0" in asks("general", b"POST", b"/a")


def test_an_answer_for_one_viewer_is_asked_with_his_own_conditions_and_words():
    """RFC 9111 §4.3.2; RFC 9110 §7.6.3; what is kept for all is asked without."""
    fields = {"if_none_match": '"a"', "range": "bytes=0-1", "forwarded": "for=a", "x_forwarded_for": "b"}
    shared = asks("general", b"GET", b"/a", came=ReceivedFrom(b"1.0", b"192.0.2.1"), **fields)
    alone = asks("general", b"GET", b"/a", came=ReceivedFrom(b"1.0", b"192.0.2.1"), passing=True, **fields)
    common = {b"GET /a HTTP/1.1", b"Host: h", b"Via: 1.0 e1", b"Cdn-Loop: e1"}
    assert set(shared) == common | {b"X-Forwarded-For: 192.0.2.1"}
    assert set(alone) == common | {
        b'If-None-Match: "a"', b"Range: bytes=0-1", b"X-Forwarded-For: b, 192.0.2.1",
        b"Forwarded: for=a, for=192.0.2.1",
    }  # fmt: skip


def test_max_forwards_counts_down_where_it_means_something():
    """RFC 9110 §7.6.2: OPTIONS and TRACE."""
    assert b"Max-Forwards: 2" in asks("general", b"TRACE", b"/a", max_forwards="3")
    assert b"Max-Forwards: 3" in asks("general", b"GET", b"/a", max_forwards="3")
