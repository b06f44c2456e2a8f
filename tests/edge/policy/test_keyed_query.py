"""Which part of a query is keyed."""

import pytest

from edge.policy.keyed_query import EVERYTHING, NOTHING, KeyedQuery

LISTED = KeyedQuery(only=True, names=frozenset((b"a", b"b")))
OTHERS = KeyedQuery(only=False, names=frozenset((b"utm",)))


@pytest.mark.parametrize(
    ("rule", "query", "kept"),
    [
        (NOTHING, b"a=1&b", b""),
        (EVERYTHING, b"b=%61&&a;c=1&b", b"b=%61&&a;c=1&b"),
        (EVERYTHING, b"CMCD=x&a=1", b"a=1"),
        (EVERYTHING, b"a=1&%43M%43D=x&cmcd=1", b"a=1&cmcd=1"),
        (LISTED, b"c=1&b=2&a=1&b=1", b"b=2&a=1&b=1"),
        (LISTED, b"%61=1&CMCD=x", b"%61=1"),
        (LISTED, b"c=1", b""),
        (LISTED, b"", b""),
        (LISTED, b"c=1;a=2", b""),
        (LISTED, b"a=1;c=2", b"a=1;c=2"),
        (OTHERS, b"utm=1&a=1&u%74m=2", b"a=1"),
        (OTHERS, b"a=1;utm=2", b"a=1;utm=2"),
        (KeyedQuery(only=False, ordered=True), b"b=2&a=1&b=1", b"a=1&b=2&b=1"),
        (KeyedQuery(only=False, tokens=True), b"token=x&a&URISigningPackage=y", b"a"),
        (KeyedQuery(only=True, names=frozenset((b"token", b"CMCD")), tokens=True), b"token=x&CMCD=y", b""),
    ],
)
def test_what_is_kept(rule: KeyedQuery, query: bytes, kept: bytes):
    """A parameter is cut at `&` alone; `;` is data. The order is that of the viewer unless told otherwise."""
    assert rule.of(query) == kept
    assert rule.of(kept) == kept
