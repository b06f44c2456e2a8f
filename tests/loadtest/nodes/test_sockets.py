"""What connections hold in the kernel."""

import asyncio
import socket
import struct

import pytest

from loadtest.nodes.sockets import SOCKET_BYTES, read_sizes, request, socket_memory
from tests.loadtest.serving import until

HOST = socket.inet_aton("127.0.0.7")


def message(port=80, host=HOST, memory=(100, 0, 7, 0, 20, 30, 4, 5, 0)):
    ident = struct.pack("!HH", port, 9) + host.ljust(16, b"\0") + bytes(28)
    attributes = struct.pack("=HHI", 8, 1, 0) + struct.pack("=HH9I", 40, 7, *memory)
    return bytes(4) + ident + bytes(20) + attributes


def test_a_connection_holds_what_it_received_what_it_sends_and_itself():
    assert list(read_sizes(message(), HOST, 80)) == [SOCKET_BYTES + 100 + 30 + 20 + 4 + 5]


@pytest.mark.parametrize(
    "other", [message(port=81), message(host=socket.inet_aton("127.0.0.8")), message()[:-40] + bytes(40)]
)
def test_others_are_passed_over(other):
    assert list(read_sizes(other, HOST, 80)) == []


def test_the_request_is_a_dump_of_established_connections():
    data = request(socket.AF_INET)
    assert struct.unpack_from("=I", data)[0] == len(data) == 72
    assert data[16:20] == bytes((socket.AF_INET, socket.IPPROTO_TCP, 1 << 6, 0))


async def test_what_a_slow_reader_leaves_in_the_kernel_is_seen():
    connected = []
    server = await asyncio.start_server(lambda _, writer: connected.append(writer), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    reader, writer = await asyncio.open_connection(host, port)
    await until(lambda: bool(connected))
    before = socket_memory(host, port)
    if before is None:
        pytest.skip("this kernel does not say what sockets hold")
    assert before.connections == 1
    connected[0].transport.pause_reading()
    connected[0].write(b"x" * 4_000_000)
    assert socket_memory(host, port).bytes > before.bytes + 50_000
    for one in (writer, *connected):
        one.close()
    server.close()
    assert reader is not None


def test_an_address_that_is_none_says_nothing():
    assert socket_memory("edge1.example", 80) is None
