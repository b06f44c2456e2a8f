"""CORS lines."""

from edge.policy.cors import FOR_ALL, LEFT, READS, Cors

LISTED = Cors(origins=frozenset((b"https://a", b"https://b")))


def test_everybody_may_read_without_credentials():
    assert b"Access-Control-Allow-Origin: *\r\n" in FOR_ALL.lines
    assert b"credentials" not in FOR_ALL.lines.lower()
    assert FOR_ALL.more(b"https://a") == b""
    said = FOR_ALL.preflight(None).lower()
    assert all(name in said for name in READS)
    assert b"access-control-max-age: " in said
    assert b"private-network" not in said


def test_a_list_answers_its_origins_and_says_that_it_varies():
    assert LISTED.lines == b"Vary: Origin\r\n"
    assert b"Access-Control-Allow-Origin: https://a\r\n" in LISTED.more(b"https://a")
    assert LISTED.more(b"https://evil") == LISTED.more(None) == LISTED.preflight(b"null") == b""
    assert LISTED.preflight(b"https://b") == FOR_ALL.preflight(None)


def test_what_goes_upstream_may_be_asked_with():
    told = FOR_ALL.preflight(None, b"GET, POST", frozenset((b"accept-language", b"x-own")))
    assert b"Accept-Language" in told
    assert b"X-Own" in told
    assert b"Allow-Methods: GET, POST\r\n" in told
    assert b", *\r\n" in FOR_ALL.preflight(None, fields=None)


def test_off_leaves_it_to_upstream():
    assert (LEFT.lines, LEFT.replaced, LEFT.ours, LEFT.preflight(b"https://a")) == (b"", frozenset(), False, b"")
    assert FOR_ALL.ours
    assert LISTED.replaced == FOR_ALL.replaced != frozenset()
