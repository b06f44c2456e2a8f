"""What goes upstream."""

from edge.ask import request_head
from edge.profile import PROFILES
from edge.route import general_route, media_route
from edge.wire.request import Request


def asks(profile: str, method: bytes = b"GET", target: bytes = b"/cdn/eu/t/v/1.m4s", **fields: str) -> list[bytes]:
    """The lines of the request that a viewer's request becomes."""
    raw = {name.replace("_", "-").encode(): value.encode() for name, value in fields.items()} | {b"host": b"h"}
    route = media_route if profile == "media" else general_route
    asked = route(Request(method, target, raw, 1, keep_alive=True))
    assert not isinstance(asked, str)
    head = request_head(b"e1", PROFILES[profile], b"up:1", asked, raw, method, 0, None)
    assert head.endswith(b"\r\n\r\n")
    return head[:-4].split(b"\r\n")


def test_media_sends_an_allow_list_and_names_itself():
    lines = asks("media", x_forwarded_host="evil", accept="*/*", traceparent="00-1")
    assert lines[0] == b"GET /cdn/eu/t/v/1.m4s HTTP/1.1"
    assert set(lines[1:]) == {b"Host: up:1", b"Traceparent: 00-1", b"Via: 1.1 e1", b"Cdn-Loop: e1"}


def test_general_sends_all_fields_but_those_that_end_here():
    lines = asks("general", target=b"/a?b", accept="*/*", connection="x-a", x_a="1", range="bytes=0-1", via="1.0 p")
    assert set(lines) == {b"GET /a?b HTTP/1.1", b"Host: h", b"Accept: */*", b"Via: 1.0 p, 1.1 e1", b"Cdn-Loop: e1"}


def test_a_request_that_may_have_a_body_says_how_long_it_is():
    assert b"Content-Length: 0" in asks("general", b"POST", b"/a")
