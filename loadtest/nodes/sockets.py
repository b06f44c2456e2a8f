"""Kernel memory of a server's TCP connections on this machine, by sock_diag(7): what /proc does not say of a process.

A connection's buffers belong to the kernel. For each established connection of a listening address the kernel is asked
for its socket memory (INET_DIAG_SKMEMINFO); the fixed part of a TCP socket is added by its size in the slab.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

SOCKET_BYTES = 4_096
"""struct tcp_sock, its inode, file and dentry: about 2.4, 0.8, 0.2 and 0.2 kB in Linux 6, rounded up."""

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST_DUMP = 0x301
_DONE, _ERROR = 3, 2
_ESTABLISHED = 1
_SKMEMINFO = 7
_HEAD = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBxI")
_ID_BYTES = 48
_MESSAGE = struct.Struct("=BBBB")
_MESSAGE_BYTES = 72
"""struct inet_diag_msg: four bytes, the id, and five numbers."""
_MEMORY = struct.Struct("=9I")
_RECEIVE = 1 << 16
_TIMEOUT_S = 2.0


class SocketMemory(NamedTuple):
    """Established connections of one listening address, and what they hold in the kernel."""

    connections: int
    bytes: int


def socket_memory(host: str, port: int) -> SocketMemory | None:
    """Of the connections to an address of this machine; None where the kernel does not say."""
    try:
        wanted = ipaddress.ip_address(host)
        family = socket.AF_INET if wanted.version == 4 else socket.AF_INET6
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as asking:
            asking.settimeout(_TIMEOUT_S)
            asking.sendall(request(family))
            sizes = [size for data in _answers(asking) for size in read_sizes(data, wanted.packed, port)]
    except (OSError, ValueError, struct.error, AttributeError):
        return None
    return SocketMemory(len(sizes), sum(sizes))


def request(family: int) -> bytes:
    """A dump of all established TCP connections of a family, with their memory."""
    body = _REQUEST.pack(family, socket.IPPROTO_TCP, 1 << (_SKMEMINFO - 1), 1 << _ESTABLISHED) + bytes(_ID_BYTES)
    return _HEAD.pack(_HEAD.size + len(body), _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 1, 0) + body


def _answers(asking: socket.socket) -> Iterator[bytes]:
    """The messages of a dump. Raises OSError when the kernel refuses it."""
    while True:
        data = asking.recv(_RECEIVE)
        at = 0
        while at + _HEAD.size <= len(data):
            length, kind, *_ = _HEAD.unpack_from(data, at)
            if kind == _DONE:
                return
            if kind == _ERROR or length < _HEAD.size:
                raise OSError("sock_diag refused")
            yield data[at + _HEAD.size : at + length]
            at += (length + 3) & ~3


def read_sizes(message: bytes, address: bytes, port: int) -> Iterator[int]:
    """Kernel bytes of the connection that a message describes, if it is of this address. Raises struct.error."""
    _MESSAGE.unpack_from(message)
    (own_port,) = struct.unpack_from("!H", message, _MESSAGE.size)
    own_address = message[_MESSAGE.size + 4 : _MESSAGE.size + 4 + len(address)]
    if own_port != port or own_address != address:
        return
    at = _MESSAGE_BYTES
    while at + 4 <= len(message):
        length, kind = struct.unpack_from("=HH", message, at)
        if kind == _SKMEMINFO:
            # rmem_alloc, rcvbuf, wmem_alloc, sndbuf, fwd_alloc, wmem_queued, optmem, backlog, drops
            received, _, sending, _, spare, queued, options, backlog, _ = _MEMORY.unpack_from(message, at + 4)
            yield SOCKET_BYTES + received + max(sending, queued) + spare + options + backlog
            return
        if length < 4:
            return
        at += (length + 3) & ~3
