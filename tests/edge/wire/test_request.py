"""A request as the wire layer hands it over."""

from edge.wire.request import Malformed, Request


def test_a_request_has_no_body_unless_one_is_given():
    assert Request(b"GET", b"/", {}, 1, keep_alive=True).body == b""
    assert Request(b"PUT", b"/", {}, 1, keep_alive=True, body=b"x").body == b"x"


def test_what_is_malformed_says_how():
    assert vars_of(Malformed(400, "host")) == (400, "host", "")


def vars_of(what: Malformed) -> tuple[int, str, str]:
    return what.status, what.reason, what.detail
