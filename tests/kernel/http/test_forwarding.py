"""What is said of and by an intermediary (RFC 9110 §7.6; RFC 7239), as tables."""

import pytest

from kernel.http.forwarding import ReceivedFrom, hops_left, reflection, via, x_forwarded_for


@pytest.mark.parametrize(
    ("before", "version", "found"),
    [
        (None, b"1.1", b"1.1 e1"),
        (b"1.0 fred, 1.1 p (x)", b"1.0", b"1.0 fred, 1.1 p (x), 1.0 e1"),
        (b"", b"1.1", b"1.1 e1"),
    ],
)
def test_via(before, version, found):
    """§7.6.3: in the order of the recipients, with the version that each received."""
    assert via(before, version, b"e1") == found


@pytest.mark.parametrize(
    ("request_fields", "address", "found"),
    [
        ({}, b"", []),
        ({}, b"192.0.2.1", [(b"x-forwarded-for", b"192.0.2.1")]),
        ({b"x-forwarded-for": b"a"}, b"192.0.2.1", [(b"x-forwarded-for", b"a, 192.0.2.1")]),
        ({b"x-forwarded-for": b"a", b"forwarded": b"for=b"}, b"",
         [(b"x-forwarded-for", b"a"), (b"forwarded", b"for=b")]),
        ({b"forwarded": b"for=b"}, b"192.0.2.1",
         [(b"x-forwarded-for", b"192.0.2.1"), (b"forwarded", b"for=b, for=192.0.2.1")]),
        ({b"forwarded": b"for=b"}, b"2001:db8::1",
         [(b"x-forwarded-for", b"2001:db8::1"), (b"forwarded", b'for=b, for="[2001:db8::1]"')]),
        ({b"forwarded": b"for=b"}, b"memory", [(b"x-forwarded-for", b"memory"), (b"forwarded", b"for=b, for=unknown")]),
    ],
)  # fmt: skip
def test_for_whom_we_speak(request_fields, address, found):
    """RFC 7239 §4 to §6."""
    assert x_forwarded_for(request_fields, address) == found


@pytest.mark.parametrize(
    ("method", "told", "left"),
    [
        (b"OPTIONS", b"0", 0),
        (b"TRACE", b"10", 10),
        (b"TRACE", b"000", 0),
        (b"TRACE", b"9" * 40, 10**18),
        (b"OPTIONS", b"-1", None),
        (b"OPTIONS", b"1.5", None),
        (b"OPTIONS", b"", None),
        (b"GET", b"0", None),
        (b"OPTIONS", None, None),
    ],
)
def test_how_many_may_still_pass_it_on(method, told, left):
    """§7.6.2: of OPTIONS and TRACE; what is no number is no bound."""
    assert hops_left(method, {} if told is None else {b"max-forwards": told}) == left


def test_a_trace_gives_back_what_is_no_secret():
    """§9.3.8."""
    fields = {b"host": b"h", b"cookie": b"a", b"authorization": b"b", b"x": b"1"}
    assert reflection(b"TRACE", b"/a", b"1.1", fields) == b"TRACE /a HTTP/1.1\r\nhost: h\r\nx: 1\r\n\r\n"


def test_a_request_that_nobody_sent_came_from_nowhere():
    assert ReceivedFrom() == (b"1.1", b"", b"")
