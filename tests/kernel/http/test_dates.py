"""HTTP dates (RFC 9110 §5.6.7): three forms, any letter case, nothing else."""

from email.utils import formatdate, parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.http.dates import format_date, parse_date

AT = 784111777.0  # the RFC's own example
IN_2026 = 1_790_000_000.0


@pytest.mark.parametrize(
    "text",
    [
        b"Sun, 06 Nov 1994 08:49:37 GMT",
        b"Sunday, 06-Nov-94 08:49:37 GMT",
        b"Sun Nov  6 08:49:37 1994",
        b"Sun Nov 06 08:49:37 1994",
        b"SUN, 06 nov 1994 08:49:37 gmt",
        b"sunday, 06-NOV-94 08:49:37 Gmt",
    ],
)
def test_the_three_forms_in_any_case(text):
    assert parse_date(text) == AT


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"0",
        b"-1",
        b"foo",
        b"784111777",
        b"Thu, 18 Aug 2050 02:01:18 UTC",
        b"Thu, 18 Aug 2050 02:01:18 AEST",
        b"Thu, 18 Aug 2050 02:01:18 +0000",
        b"Thu, 18 Aug 2050 02:01:18",
        b"Thu, 18 Aug 50 02:01:18 GMT",
        b"Thu 18 Aug 2050 02:01:18 GMT",
        b"Thu, 18  Aug  2050 02:01:18 GMT",
        b"Thu, 18-Aug-2050 02:01:18 GMT",
        b"Thu, 18 Aug 2050 02.01.18 GMT",
        b"Thu, 18 Aug 2050 2:01:18 GMT",
        b"Thu, 8 Aug 2050 02:01:18 GMT",
        b"Thu,18 Aug 2050 02:01:18 GMT",
        b" Thu, 18 Aug 2050 02:01:18 GMT",
        b"Thu, 18 Aug 2050 02:01:18 GMT ",
        b"Thu, 18 Aug 2050 02:01:18 GMT, x",
        b"Foo, 18 Aug 2050 02:01:18 GMT",
        b"Thu, 18 Foo 2050 02:01:18 GMT",
        b"Thu, 00 Aug 2050 02:01:18 GMT",
        b"Thu, 32 Aug 2050 02:01:18 GMT",
        b"Thu, 29 Feb 2023 02:01:18 GMT",
        b"Thu, 29 Feb 1900 02:01:18 GMT",
        b"Thu, 18 Aug 0000 02:01:18 GMT",
        b"Thu, 18 Aug 2050 24:01:18 GMT",
        b"Thu, 18 Aug 2050 02:60:18 GMT",
        b"Thu, 18 Aug 2050 02:01:61 GMT",
        b"Thursday, 18-Aug-2050 02:01:18 GMT",
        b"Thu, 18-Aug-50 02:01:18 GMT",
        b"Thu Aug 8 02:01:18 2050",
        "Thu, 18 Aug ２０５０ 02:01:18 GMT".encode(),
    ],
)
def test_what_looks_like_a_date_and_is_none(text):
    """RFC 9111 §4.2: a recipient must not guess; each of these makes an Expires invalid."""
    assert parse_date(text, IN_2026) is None


def test_a_leap_second_is_the_second_before_it():
    assert parse_date(b"Sat, 31 Dec 2016 23:59:60 GMT") == parse_date(b"Sat, 31 Dec 2016 23:59:59 GMT")


def test_a_leap_day():
    assert parse_date(b"Thu, 29 Feb 2024 00:00:00 GMT") == 1709164800.0


@pytest.mark.parametrize(
    ("year", "now", "meant"),
    [
        (b"26", IN_2026, 2026),
        (b"50", IN_2026, 2050),
        (b"76", IN_2026, 2076),
        (b"77", IN_2026, 1977),
        (b"94", IN_2026, 1994),
        (b"94", 784111777.0, 1994),
        (b"10", 784111777.0, 1910),
    ],
)
def test_two_digit_years_are_never_more_than_fifty_years_ahead(year, now, meant):
    """§5.6.7: such a year counts as the most recent one in the past with these digits."""
    read = parse_date(b"Sunday, 06-Nov-" + year + b" 08:49:37 GMT", now)
    assert format_date(read)[12:16] == b"%d" % meant


def test_without_a_clock_two_digit_years_are_of_this_century():
    """If-Modified-Since is compared without a clock: 26 must not be 1926."""
    assert parse_date(b"Friday, 06-Nov-26 08:49:37 GMT") == parse_date(b"Fri, 06 Nov 2026 08:49:37 GMT")


@given(st.integers(0, 253402300799))
def test_what_is_written_is_read_back_and_agrees_with_the_standard_library(wall):
    text = format_date(wall)
    assert parse_date(text) == wall
    if wall < 2**40:
        assert text == formatdate(wall, usegmt=True).encode()


@given(st.binary(max_size=40))
def test_any_bytes_are_a_date_or_none(text):
    parse_date(text)


def test_a_fraction_of_a_second_is_cut():
    assert format_date(AT + 0.9) == b"Sun, 06 Nov 1994 08:49:37 GMT"
    assert parsedate_to_datetime(format_date(AT).decode()).timestamp() == AT
