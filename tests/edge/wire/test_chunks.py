"""Chunks as they come; what is refused of them is in the table of bad requests."""

from __future__ import annotations

import pytest

from edge.wire.chunks import MAX_LINE_BYTES, MAX_OVERHEAD, MIN_OVERHEAD_BYTES, Chunks
from edge.wire.head import Limits
from edge.wire.request import Malformed

LIMITS = Limits(body=1000, fields=2)


def taken(data: bytes, step: int, limits: Limits = LIMITS) -> tuple[bytes, bool, int | None, bytes]:
    """(the body, whether it ended, the status that refuses it, what is left)."""
    chunks, rest, body = Chunks(limits), bytearray(), bytearray()
    wrong: Malformed | None = None
    for at in range(0, len(data), step):
        rest += data[at : at + step]
        wrong = wrong or chunks.read(rest, body)
    return bytes(body), chunks.ended, None if wrong is None else wrong.status, bytes(rest)


@pytest.mark.parametrize("step", [1, 2, 3, 1000])
def test_chunks_with_extensions_and_a_trailer(step: int) -> None:
    """Both are dropped; what follows is the next request's."""
    data = b'3\r\nabc\r\n2;a="\\"";b=c\r\nde\r\n0;x\r\nX: y\r\nZ:\r\n\r\nGET'
    assert taken(data, step) == (b"abcde", True, None, b"GET")


@pytest.mark.parametrize("step", [1, 1000])
@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"x", 400), (b"\r", 400), (b"5x", 400), (b"1\r\naX", 400), (b"1\r\na\rX", 400), (b"1\n", 400),
        (b"0\r\nX\n", 400),
        (b"3e9\r\n", 413), (b"3e8\r\n", None), (b"0\r\nX: 1\r\nX: 2\r\nX: 3\r\n", 431), (b"0\r\nHost: a\r\n", 400),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_as_soon_as_it_is_known(data: bytes, status: int | None, step: int) -> None:
    assert taken(data, step)[2] == status


def test_lines_and_their_sum_are_bounded() -> None:
    assert taken(b"1;a=" + b"x" * MAX_LINE_BYTES, 1000)[2] == 413
    assert taken(b"0\r\nX: " + b"x" * MAX_LINE_BYTES, 1000)[2] == 431
    expensive = b"1;a=" + b"x" * 4000 + b"\r\nz\r\n"
    many = (MIN_OVERHEAD_BYTES + MAX_OVERHEAD * LIMITS.body) // 4000 + 1
    assert taken(expensive * many, 1000)[2] == 413
    assert taken(expensive * (many - 2) + b"0\r\n\r\n", 1000)[1]
