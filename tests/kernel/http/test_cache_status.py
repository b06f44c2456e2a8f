"""Cache-Status (RFC 9211)."""

import pytest

from kernel.http.cache_status import cache_name, chained, forwarded, hit


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("e1", b"e1"),
        ("*x", b"*x"),
        ("edge-1.fra", b"edge-1.fra"),
        ("1e", b'"1e"'),
        ("", b'""'),
        ("my edge", b'"my edge"'),
        ('a"b\\c', b'"a\\"b\\\\c"'),
        ("käse", b'"k?se"'),
        ("a\r\nb", b'"a??b"'),
    ],
)
def test_a_name_is_a_token_or_a_string(name, written):
    """§2: sf-token or sf-string; nothing in a name can break out of the field."""
    assert cache_name(name) == written


def test_hits():
    """§2.1, §2.5: ttl counts down and below zero."""
    assert hit(b"e1", 17) == b"e1; hit; ttl=17"
    assert hit(b"e1", -3) == b"e1; hit; ttl=-3"
    assert hit(b"e1", -3, b"upstream-failed") == b"e1; hit; ttl=-3; detail=upstream-failed"


@pytest.mark.parametrize(
    ("told", "written"),
    [
        ({}, b"e1; fwd=uri-miss"),
        ({"stored": True}, b"e1; fwd=uri-miss; stored"),
        ({"collapsed": True}, b"e1; fwd=uri-miss; collapsed"),
        ({"status": 304, "stored": True}, b"e1; fwd=uri-miss; fwd-status=304; stored"),
        ({"detail": b"timeout"}, b"e1; fwd=uri-miss; detail=timeout"),
    ],
)
def test_misses(told, written):
    """§2.2 to §2.8."""
    assert forwarded(b"e1", b"uri-miss", **told) == written


def test_the_one_nearest_to_the_viewer_stands_last():
    """§2: the first member is the cache nearest to the origin."""
    assert chained(None, b"e1; hit") == b"e1; hit"
    assert chained(b"s1; hit", b"e1; fwd=uri-miss") == b"s1; hit, e1; fwd=uri-miss"
