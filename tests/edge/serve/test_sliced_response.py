"""Any ranges over an object in slices are the right bytes, whatever of it is stored; the rest is in the scenarios."""

import asyncio
import os
import re
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.edge.ground import standing

K = 65536
BODY = os.urandom(5 * K + 777)


class Files(asyncio.Protocol):
    """An upstream that answers ranges of `BODY`."""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        found = re.search(rb"(?i)\r\nrange: bytes=(\d*)-(\d*)\r\n", data)
        first, stop, status = 0, len(BODY), b"200 OK"
        if found:
            status = b"206 Partial Content"
            first = int(found[1]) if found[1] else max(0, len(BODY) - int(found[2]))
            stop = min(stop, int(found[2]) + 1) if found[1] and found[2] else stop
        if first >= stop:
            self.transport.write(b"HTTP/1.1 416 X\r\nContent-Length: 0\r\n\r\n")
            return
        place = b"Content-Range: bytes %d-%d/%d\r\n" % (first, stop - 1, len(BODY)) if found else b""
        head = b'HTTP/1.1 %s\r\nETag: "a"\r\nCache-Control: max-age=60\r\n%sContent-Length: %d\r\n\r\n'
        self.transport.write(head % (status, place, stop - first) + BODY[first:stop])


positions = st.integers(0, len(BODY) + 5)
ranges = st.one_of(
    st.tuples(positions, positions).map(lambda two: f"{min(two)}-{max(two)}"),
    positions.map(lambda first: f"{first}-"),
    st.integers(1, len(BODY)).map(lambda number: f"-{number}"),
)


def expected(spec):
    first, _, last = spec.partition("-")
    if not first:
        return BODY[-int(last) :]
    return BODY[int(first) : int(last) + 1 if last else None]


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(ranges, min_size=1, max_size=8))
def test_any_ranges_one_after_another(tmp_path_factory, specs):
    async def play(folder: Path):
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Files, "127.0.0.1", 0)
        async with standing(folder, slice="64KiB", slice_over="128KiB") as ground:
            pool = ground.edge.upstreams.all[0].pool
            pool.address = pool.address._replace(port=server.sockets[0].getsockname()[1])
            for spec in specs:
                got = await ground.gets("/a", more=f"Range: bytes={spec}\r\n")
                wanted = expected(spec)
                assert (got.status, got.body, got.whole) == ((206, wanted, True) if wanted else (416, b"", True))
            assert (await ground.gets("/a")).body == BODY
            server.close()

    asyncio.run(play(tmp_path_factory.mktemp("walk")))
