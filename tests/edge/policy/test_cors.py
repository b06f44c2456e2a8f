"""CORS lines."""

from edge.policy.cors import ALLOWED_FIELDS, ANY_ORIGIN, PASS_THROUGH, Cors

LISTED = Cors(origins=frozenset((b"https://a", b"https://b")))


def test_everybody_may_read_without_credentials():
    assert b"Access-Control-Allow-Origin: *\r\n" in ANY_ORIGIN.header_lines
    assert b"credentials" not in ANY_ORIGIN.header_lines.lower()
    assert ANY_ORIGIN.lines_for_origin(b"https://a") == b""
    said = ANY_ORIGIN.preflight(None).lower()
    assert all(name in said for name in ALLOWED_FIELDS)
    assert b"access-control-max-age: " in said
    assert b"private-network" not in said


def test_a_list_answers_its_origins_and_says_that_it_varies():
    assert LISTED.header_lines == b"Vary: Origin\r\n"
    assert b"Access-Control-Allow-Origin: https://a\r\n" in LISTED.lines_for_origin(b"https://a")
    assert LISTED.lines_for_origin(b"https://evil") == LISTED.lines_for_origin(None) == LISTED.preflight(b"null") == b""
    assert LISTED.preflight(b"https://b") == ANY_ORIGIN.preflight(None)


def test_what_goes_upstream_may_be_asked_with():
    lines = ANY_ORIGIN.preflight(None, b"GET, POST", frozenset((b"accept-language", b"x-own")))
    assert b"Accept-Language" in lines
    assert b"X-Own" in lines
    assert b"Allow-Methods: GET, POST\r\n" in lines
    assert b", *\r\n" in ANY_ORIGIN.preflight(None, fields=None)


def test_off_leaves_it_to_upstream():
    assert (
        PASS_THROUGH.header_lines,
        PASS_THROUGH.replaced_fields,
        PASS_THROUGH.is_handled_here,
        PASS_THROUGH.preflight(b"https://a"),
    ) == (b"", frozenset(), False, b"")
    assert ANY_ORIGIN.is_handled_here
    assert LISTED.replaced_fields == ANY_ORIGIN.replaced_fields != frozenset()
