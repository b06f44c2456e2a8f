"""Requests recognised by their bytes: known heads, grants of folders, names that can be read in one way."""

from __future__ import annotations

import pytest

from edge.wire.request_template import (
    MAX_KNOWN_HEAD_BYTES,
    MAX_KNOWN_HEADS,
    NAME,
    remember_head,
)


def _data(lines: bytes = b"Host: e\r\n", start: bytes = b"GET /a") -> bytes:
    return start + b" HTTP/1.1\r\n" + lines + b"\r\n"


def test_a_plain_head_is_remembered_without_its_target() -> None:
    """From the version on, byte for byte."""
    known: dict[bytes, None] = {}
    remember_head(known, _data(), {b"host": b"e"})
    assert list(known) == [b" HTTP/1.1\r\nHost: e\r\n\r\n"]


@pytest.mark.parametrize(
    "field",
    [b"range", b"if-none-match", b"if-modified-since", b"if-range", b"cookie", b"authorization", b"x-forwarded-for",
     b"traceparent", b"cache-control", b"content-length", b"transfer-encoding", b"expect", b"upgrade", b"cdn-loop"],
)  # fmt: skip
def test_a_head_that_decides_something_is_not(field: bytes) -> None:
    """Each of these makes a request differ from the last."""
    known: dict[bytes, None] = {}
    remember_head(known, _data(), {b"host": b"e", field: b"x"})
    assert not known


def test_other_methods_and_long_heads_are_not() -> None:
    """GET only, and bounded."""
    known: dict[bytes, None] = {}
    remember_head(known, _data(start=b"HEAD /a"), {b"host": b"e"})
    remember_head(known, _data(b"User-Agent: " + b"x" * MAX_KNOWN_HEAD_BYTES + b"\r\n"), {b"user-agent": b"x"})
    remember_head(known, _data(start=b"GET http://e/a"), {b"host": b"e"})
    assert not known


def test_the_oldest_is_forgotten() -> None:
    """A flood of different heads does not grow it."""
    known: dict[bytes, None] = {}
    for number in range(MAX_KNOWN_HEADS + 5):
        remember_head(known, _data(b"User-Agent: %d\r\n" % number), {b"user-agent": b"x"})
    assert len(known) == MAX_KNOWN_HEADS
    assert b" HTTP/1.1\r\nUser-Agent: 0\r\n\r\n" not in known


@pytest.mark.parametrize(
    "name", [b"", b".", b"..", b".x", b"a/b", b"a?b", b"a%2e", b"a b", b"a\0", b"a\\b", b"\xc3\xa9"]
)
def test_a_name_that_could_be_read_in_two_ways_is_none(name: bytes) -> None:
    """Only the plainest names go the straight way."""
    assert NAME.fullmatch(name) is None
