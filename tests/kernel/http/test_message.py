"""Fields: reading them, which of them travel, how they are written (RFC 9110 §5, §7.6.1)."""

import pytest

from kernel.http.message import end_to_end, first, members, serialise, spelt, status_line, values

FIELDS = [(b"vary", b"a"), (b"age", b"1"), (b"vary", b"b, , c"), (b"age", b"2")]


def test_values_and_the_first_of_them():
    assert values(FIELDS, b"vary") == [b"a", b"b, , c"]
    assert first(FIELDS, b"age") == b"1"
    assert values(FIELDS, b"etag") == []
    assert first(FIELDS, b"etag") is None


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([b"a, b,c"], [b"a", b"b", b"c"]),
        ([b"a", b"b , c"], [b"a", b"b", b"c"]),
        ([b" , *"], [b"*"]),
        ([b"", b"*"], [b"*"]),
        ([b",,"], []),
        ([b"\ta\t,\tb\t"], [b"a", b"b"]),
    ],
)
def test_members_of_lists_over_lines_without_the_empty_ones(lines, found):
    """RFC 9110 §5.6.1: empty elements are passed over."""
    assert members(lines) == found


@pytest.mark.parametrize(
    "name",
    [
        b"connection", b"keep-alive", b"proxy-connection", b"te", b"transfer-encoding", b"upgrade", b"trailer",
        b"proxy-authenticate", b"proxy-authorization", b"proxy-authentication-info",
    ],
)  # fmt: skip
def test_fields_of_one_hop_stay_behind(name):
    """RFC 9110 §7.6.1; RFC 9111 §3.1."""
    assert end_to_end([(name, b"x"), (b"b", b"2")]) == [(b"b", b"2")]


def test_what_connection_names_stays_behind():
    fields = [(b"connection", b"A, close"), (b"a", b"1"), (b"b", b"2"), (b"connection", b"c"), (b"c", b"3")]
    assert end_to_end(fields) == [(b"b", b"2")]


def test_what_the_caller_drops_stays_behind():
    assert end_to_end([(b"a", b"1"), (b"b", b"2")], frozenset((b"a",))) == [(b"b", b"2")]


@pytest.mark.parametrize(
    ("name", "written"),
    [(b"etag", b"ETag"), (b"content-type", b"Content-Type"), (b"www-authenticate", b"WWW-Authenticate"), (b"x", b"X")],
)
def test_names_as_people_write_them(name, written):
    assert spelt(name) == written


def test_lines_of_a_head():
    assert serialise([(b"etag", b'"x"'), (b"set-cookie", b"a"), (b"set-cookie", b"b")]) == (
        b'ETag: "x"\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n'
    )
    assert serialise([]) == b""


def test_status_lines_known_and_unknown():
    """RFC 9112 §4: the reason may be empty, its space may not."""
    assert status_line(206) == b"HTTP/1.1 206 Partial Content\r\n"
    assert status_line(599) == b"HTTP/1.1 599 \r\n"
