"""Known heads: only what decides nothing is remembered, and not for ever."""

from __future__ import annotations

import pytest

from edge.wire.head_cache import MAX_CACHED, MAX_CACHED_HEAD_BYTES, learn


def _data(lines: bytes = b"Host: e\r\n", start: bytes = b"GET /a") -> bytes:
    return start + b" HTTP/1.1\r\n" + lines + b"\r\n"


def test_a_plain_head_is_remembered_without_its_target() -> None:
    """From the version on, byte for byte."""
    known: dict[bytes, None] = {}
    learn(known, _data(), {b"host": b"e"})
    assert list(known) == [b" HTTP/1.1\r\nHost: e\r\n\r\n"]


@pytest.mark.parametrize(
    "field",
    [b"range", b"if-none-match", b"if-modified-since", b"if-range", b"cookie", b"authorization", b"x-forwarded-for",
     b"traceparent", b"cache-control", b"content-length", b"transfer-encoding", b"expect", b"upgrade", b"cdn-loop"],
)  # fmt: skip
def test_a_head_that_decides_something_is_not(field: bytes) -> None:
    """Each of these makes a request differ from the last."""
    known: dict[bytes, None] = {}
    learn(known, _data(), {b"host": b"e", field: b"x"})
    assert not known


def test_other_methods_and_long_heads_are_not() -> None:
    """GET only, and bounded."""
    known: dict[bytes, None] = {}
    learn(known, _data(start=b"HEAD /a"), {b"host": b"e"})
    learn(known, _data(b"User-Agent: " + b"x" * MAX_CACHED_HEAD_BYTES + b"\r\n"), {b"user-agent": b"x"})
    learn(known, _data(start=b"GET http://e/a"), {b"host": b"e"})
    assert not known


def test_the_oldest_is_forgotten() -> None:
    """A flood of different heads does not grow it."""
    known: dict[bytes, None] = {}
    for number in range(MAX_CACHED + 5):
        learn(known, _data(b"User-Agent: %d\r\n" % number), {b"user-agent": b"x"})
    assert len(known) == MAX_CACHED
    assert b" HTTP/1.1\r\nUser-Agent: 0\r\n\r\n" not in known
