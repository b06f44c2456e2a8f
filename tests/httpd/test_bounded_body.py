"""Bodies that arrive in several packets."""

import pytest

from httpd.bounded_body import read_at_most


class Packets:
    """As aiohttp's StreamReader: a read gets what has arrived, and no more."""

    def __init__(self, *packets):
        self.packets = list(packets)

    async def read(self, n):
        if not self.packets:
            return b""
        first = self.packets.pop(0)
        if rest := first[n:]:
            self.packets.insert(0, rest)
        return first[:n]


@pytest.mark.parametrize(
    ("most", "body"), [(100, b"firstsecond"), (11, b"firstsecond"), (7, b"firstse"), (5, b"first"), (0, b"")]
)
async def test_a_body_in_two_packets_is_read_whole_or_up_to_the_bound(most, body):
    """A single read took the first packet for the whole body: a key server's document came out cut."""
    assert await read_at_most(Packets(b"first", b"second"), most) == body


async def test_an_empty_body():
    assert await read_at_most(Packets(), 10) == b""
