"""How a body ends by its head (RFC 9112 §6.3), and whether the connection goes on (§9.3)."""

import pytest

from edge.upstreams.http1_client import Framing, response_framing

CL, TE, CONN = b"content-length", b"transfer-encoding", b"connection"


def read(status: int, *fields: tuple[bytes, bytes], minor: int = 1, bodyless: bool = False) -> Framing:
    return response_framing(status, list(fields), minor, bodyless=bodyless)


@pytest.mark.parametrize(
    ("found", "length", "by_close", "reusable"),
    [
        (read(200, (CL, b"5")), 5, False, True),
        (read(200, (CL, b"0")), 0, False, True),
        (read(200, (CL, b"005")), 5, False, True),
        (read(200, (TE, b"chunked")), None, False, True),
        (read(200, (TE, b" Chunked\t")), None, False, True),
        (read(200), None, True, False),
        (read(200, (CL, b"5"), (CONN, b"close")), 5, False, False),
        (read(200, (CL, b"5"), (CONN, b"x, Close")), 5, False, False),
        (read(200, (CL, b"5"), (CONN, b"keep-alive"), (CONN, b"close")), 5, False, False),
        (read(200, (CL, b"5"), minor=0), 5, False, False),
        (read(200, (CL, b"5"), (CONN, b"Keep-Alive"), minor=0), 5, False, True),
        (read(200, minor=0), None, True, False),
        (read(200, (CONN, b"keep-alive")), None, True, False),
        (read(204), 0, False, True),
        (read(204, (CL, b"0")), 0, False, True),
        (read(204, (CL, b"5")), 0, False, False),  # a body may yet come
        (read(204, (TE, b"chunked")), 0, False, False),
        (read(304), 0, False, True),
        (read(304, (CL, b"5")), 0, False, True),  # RFC 9110 §8.6: the length of what was not sent
        (read(304, (TE, b"chunked")), 0, False, False),
        (read(200, (CL, b"5"), bodyless=True), 5, False, False),
        (read(200, (CL, b"0"), bodyless=True), 0, False, True),
        (read(200, (TE, b"chunked"), bodyless=True), None, False, False),
        (read(200, bodyless=True), None, False, False),
        (read(103, (b"link", b"x")), None, True, False),
    ],
)
def test_what_a_head_says(found: Framing, length: int | None, by_close: bool, reusable: bool):
    assert (found.length, found.ends_at_close, found.is_reusable) == (length, by_close, reusable)


@pytest.mark.parametrize(
    ("status", "fields", "minor"),
    [
        (200, [(CL, b"5"), (CL, b"5")], 1),
        (200, [(CL, b"5, 5")], 1),
        (200, [(CL, b"5"), (CL, b"6")], 1),
        (200, [(CL, b"")], 1),
        (200, [(CL, b",")], 1),
        (200, [(CL, b"+5")], 1),
        (200, [(CL, b"-5")], 1),
        (200, [(CL, b"0x5")], 1),
        (200, [(CL, b"5.0")], 1),
        (200, [(CL, b"5 5")], 1),
        (200, [(CL, "٥".encode())], 1),
        (200, [(CL, b"9" * 16)], 1),
        (200, [(CL, b"5"), (TE, b"chunked")], 1),
        (200, [(CL, b""), (TE, b"chunked")], 1),
        (200, [(TE, b"chunked"), (TE, b"chunked")], 1),
        (200, [(TE, b"chunked, chunked")], 1),
        (200, [(TE, b"gzip, chunked")], 1),
        (200, [(TE, b"chunked, gzip")], 1),
        (200, [(TE, b"identity")], 1),
        (200, [(TE, b"")], 1),
        (200, [(TE, b"\x0bchunked")], 1),
        (200, [(TE, b"chunked")], 0),
        (103, [(CL, b"5")], 1),
        (100, [(TE, b"chunked")], 1),
        (304, [(CL, b"5"), (CL, b"6")], 1),
        (204, [(TE, b"gzip")], 1),
    ],
)
@pytest.mark.parametrize("bodyless", [False, True])
def test_what_can_be_read_in_two_ways(status: int, fields: list[tuple[bytes, bytes]], minor: int, bodyless: bool):
    with pytest.raises(ValueError, match="framing"):
        response_framing(status, fields, minor, bodyless=bodyless)
