"""Conditional requests (RFC 9110 §13, RFC 9111 §4.3.2)."""

import pytest

from kernel.http.conditional import (
    confirms,
    etags,
    not_modified,
    precondition_holds,
    range_holds,
    still_describes,
)

TAG = b'"abcdef"'
EARLY, MIDDLE, LATE = (b"Sun, 06 Nov 1994 08:49:%02d GMT" % second for second in (36, 37, 38))


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"*", None),
        (b" * ", None),
        (b'"a"', [b'"a"']),
        (b'W/"a", "b" ,"c"', [b'W/"a"', b'"b"', b'"c"']),
        (b'"a,b"', [b'"a,b"']),
        (b'""', [b'""']),
        (b'"\xfc"', [b'"\xfc"']),
        (b"a", []),
        (b"", []),
        (b', "a",,', [b'"a"']),
    ],
)
def test_lists_of_entity_tags(value, found):
    """§8.8.3: a comma may stand within a tag; `*` is no tag."""
    assert etags(value) == found


@pytest.mark.parametrize(
    ("sent", "stored", "same"),
    [
        (TAG, TAG, True),
        (b'W/"abcdef"', TAG, True),
        (TAG, b'W/"abcdef"', True),
        (b'W/"abcdef"', b'W/"abcdef"', True),
        (b'"abcdef", "1234"', TAG, True),
        (b'"1234", "abcdef"', TAG, True),
        (b'"1234", W/"abcdef", "5"', TAG, True),
        (b'"1234"', TAG, False),
        (b'"ABCDEF"', TAG, False),
        (b"abcdef", TAG, False),
        (b"*", TAG, True),
        (b"*", None, True),
        (TAG, None, False),
        (b"", TAG, False),
    ],
)
def test_if_none_match_compares_weakly(sent, stored, same):
    """§13.1.2, §8.8.3.2."""
    assert not_modified({b"if-none-match": sent}, stored, None) is same


def test_if_none_match_has_precedence():
    """§13.1.3: If-Modified-Since is ignored beside it, in both directions."""
    assert not not_modified({b"if-none-match": b'"x"', b"if-modified-since": LATE}, TAG, EARLY)
    assert not_modified({b"if-none-match": TAG, b"if-modified-since": EARLY}, TAG, LATE)


@pytest.mark.parametrize(
    ("since", "modified", "same"),
    [
        (MIDDLE, MIDDLE, True),
        (LATE, MIDDLE, True),
        (EARLY, MIDDLE, False),
        (b"Sunday, 06-Nov-94 08:49:37 GMT", MIDDLE, True),
        (b"Sun Nov  6 08:49:37 1994", MIDDLE, True),
        (b"sun, 06 nov 1994 08:49:37 gmt", MIDDLE, True),
        (b"Sunday, 06-Nov-22 08:49:37 GMT", b"Sun, 06 Nov 2022 08:49:37 GMT", True),
        (b"Sunday, 06-Nov-22 08:49:37 GMT", b"Sun, 06 Nov 2022 08:49:38 GMT", False),
        (b"yesterday", MIDDLE, False),
        (b"yesterday", b"yesterday", False),
        (MIDDLE, b"yesterday", False),
        (MIDDLE, None, False),
        (MIDDLE + b", " + MIDDLE, MIDDLE, False),
    ],
)
def test_if_modified_since(since, modified, same):
    """§13.1.3: ignored when it is no single valid date, in whichever of the three forms."""
    assert not_modified({b"if-modified-since": since}, TAG, modified) is same


def test_no_condition_is_no_304():
    assert not not_modified({}, TAG, MIDDLE)


def test_the_date_stands_in_for_a_missing_last_modified():
    """RFC 9111 §4.3.2."""
    assert not_modified({b"if-modified-since": LATE}, None, None, MIDDLE)
    assert not not_modified({b"if-modified-since": EARLY}, None, None, MIDDLE)
    assert not not_modified({b"if-modified-since": MIDDLE}, None, LATE, EARLY), "Last-Modified comes first"


@pytest.mark.parametrize(
    ("told", "etag", "modified", "date", "holds"),
    [
        (None, None, None, None, True),
        (TAG, TAG, None, None, True),
        (b'"x"', TAG, None, None, False),
        (b'W/"abcdef"', b'W/"abcdef"', None, None, False),
        (TAG, b'W/"abcdef"', None, None, False),
        (TAG, None, MIDDLE, None, False),
        (MIDDLE, TAG, MIDDLE, None, True),
        (LATE, TAG, MIDDLE, None, False),
        (EARLY, TAG, MIDDLE, None, False),
        (b"Sunday, 06-Nov-94 08:49:37 GMT", TAG, MIDDLE, None, False),
        (MIDDLE, TAG, MIDDLE, LATE, True),
        (MIDDLE, TAG, MIDDLE, MIDDLE, False),
        (MIDDLE, TAG, MIDDLE, b"no date", True),
        (MIDDLE, TAG, None, None, False),
        (b"abcdef", TAG, b"abcdef", None, False),
    ],
)
def test_if_range_compares_strongly(told, etag, modified, date, holds):
    """§13.1.5; a Last-Modified of the same second as Date is weak (§8.8.2.2)."""
    assert range_holds(told, etag, modified, date) is holds


@pytest.mark.parametrize(
    ("request_fields", "etag", "modified", "holds"),
    [
        ({}, None, None, True),
        ({b"if-match": b"*"}, None, None, True),
        ({b"if-match": TAG}, TAG, None, True),
        ({b"if-match": b'"x", ' + TAG}, TAG, None, True),
        ({b"if-match": b'"x"'}, TAG, None, False),
        ({b"if-match": b"W/" + TAG}, b"W/" + TAG, None, False),
        ({b"if-match": TAG}, b"W/" + TAG, None, False),
        ({b"if-match": TAG}, None, MIDDLE, False),
        ({b"if-match": b'"x"', b"if-unmodified-since": LATE}, TAG, MIDDLE, False),
        ({b"if-unmodified-since": LATE}, TAG, MIDDLE, True),
        ({b"if-unmodified-since": MIDDLE}, TAG, MIDDLE, True),
        ({b"if-unmodified-since": EARLY}, TAG, MIDDLE, False),
        ({b"if-unmodified-since": EARLY}, TAG, None, False),
        ({b"if-unmodified-since": b"yesterday"}, TAG, MIDDLE, True),
    ],
)
def test_preconditions_of_what_is_stored(request_fields, etag, modified, holds):
    """RFC 9110 §13.1.1 (strong comparison), §13.1.4 (only without If-Match, ignored when it is no date)."""
    assert precondition_holds(request_fields, etag, modified) is holds


@pytest.mark.parametrize(
    ("news", "etag", "modified", "ours"),
    [
        ([], TAG, MIDDLE, True),
        ([], None, None, True),
        ([(b"etag", TAG)], TAG, MIDDLE, True),
        ([(b"etag", b'"new"')], TAG, MIDDLE, False),
        ([(b"etag", TAG)], None, MIDDLE, False),
        ([(b"etag", TAG)], b"W/" + TAG, None, False),
        ([(b"etag", b"W/" + TAG)], TAG, None, True),
        ([(b"etag", b"W/" + TAG)], b"W/" + TAG, None, True),
        ([(b"etag", b'W/"new"')], TAG, None, False),
        ([(b"last-modified", MIDDLE)], None, MIDDLE, True),
        ([(b"last-modified", LATE)], None, MIDDLE, False),
        ([(b"last-modified", LATE)], TAG, None, True),
        ([(b"etag", TAG), (b"last-modified", LATE)], TAG, MIDDLE, True),
    ],
)
def test_whether_a_304_is_of_what_is_stored(news, etag, modified, ours):
    """RFC 9111 §4.3.4."""
    assert confirms(news, etag, modified) is ours


@pytest.mark.parametrize(
    ("news", "agrees"),
    [
        ([], None),
        ([(b"content-length", b"5")], None),
        ([(b"etag", TAG)], True),
        ([(b"last-modified", MIDDLE)], True),
        ([(b"etag", TAG), (b"last-modified", MIDDLE), (b"content-length", b"5")], True),
        ([(b"etag", b'"new"')], False),
        ([(b"last-modified", LATE)], False),
        ([(b"content-length", b"6")], False),
    ],
)
def test_whether_a_head_leaves_what_is_stored_valid(news, agrees):
    """RFC 9111 §4.3.5: all that it tells must agree."""
    assert still_describes(news, TAG, MIDDLE, 5) is agrees
