"""Listening sockets that processes share."""

import asyncio
import socket

import pytest

from edge.node.processes.sockets import SharedSockets, adopt, forget_passed_sockets, open_sockets, passed_sockets
from kernel.settings.table import Address


@pytest.mark.parametrize(
    ("environment", "descriptors"),
    [
        ({"LISTEN_PID": "7", "LISTEN_FDS": "2"}, (3, 4)),
        ({"LISTEN_PID": "8", "LISTEN_FDS": "2"}, ()),  # for another process
        ({"LISTEN_PID": "7", "LISTEN_FDS": "x"}, ()),
        ({}, ()),
    ],
)
def test_sockets_of_systemd(environment, descriptors):
    assert passed_sockets(environment, 7) == descriptors
    forget_passed_sockets(environment)
    assert passed_sockets(environment, 7) == ()


def test_a_node_refuses_connections_while_it_is_drained_and_accepts_again():
    """A process that only closed its own copy would leave them waiting in the kernel's queue."""
    (sock,) = open_sockets(Address("127.0.0.1", 0))
    address = sock.getsockname()

    async def run() -> None:
        network = SharedSockets((sock.fileno(),))
        listener = await network.listen(Address(*address), asyncio.Protocol)
        listener.close()
        network.stop_listening()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, 5)
        again = await network.listen(Address(*address), asyncio.Protocol)
        assert again.address.port == address[1]
        socket.create_connection(address, 5).close()
        again.close()

    with sock:
        asyncio.run(run())


def test_adopted_sockets_leave_the_original_open():
    (sock,) = open_sockets(Address("127.0.0.1", 0))
    with sock:
        for made in adopt((sock.fileno(),)):
            made.close()
        socket.create_connection(sock.getsockname(), 5).close()
