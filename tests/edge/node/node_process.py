"""A node of several processes, and which of them has a connection."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.edge.process import EdgeProcess, edge_process, everything, until


def children_of(pid: int) -> list[int]:
    """The processes that this one started, in the order of their slots."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _inodes(pid: int) -> set[str]:
    found = set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found.add(str(fd.readlink()))
    return found


class Talk:
    """One kept-alive connection of a viewer."""

    def __init__(self, sock: socket.socket, pid: int) -> None:
        self.sock, self.pid = sock, pid

    def gets(self, path: str, more: str = "", method: str = "GET") -> tuple[bytes, bytes]:
        """(head, body) of one response with a Content-Length."""
        self.sock.sendall(f"{method} {path} HTTP/1.1\r\nHost: h\r\n{more}\r\n".encode())
        return self.answer(bodyless=method == "HEAD")

    def answer(self, *, bodyless: bool = False, begun: bytes = b"") -> tuple[bytes, bytes]:
        """The rest of a response that began with these bytes."""
        data = begun
        while b"\r\n\r\n" not in data:
            piece = self.sock.recv(1 << 20)
            assert piece, "the connection ended before a head"
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        length = next((int(x[15:]) for x in head.lower().split(b"\r\n") if x.startswith(b"content-length:")), 0)
        while len(body) < length and not bodyless:
            piece = self.sock.recv(1 << 20)
            assert piece, "the connection ended within a body"
            body += piece
        return head, body


class Node:
    """A running node; `folder`: of its test."""

    folder: Path

    def __init__(self, edge: EdgeProcess) -> None:
        self.edge = edge

    @property
    def pids(self) -> list[int]:
        return children_of(self.edge.process.pid)

    @property
    def owner(self) -> int:
        """The process with the admin port."""
        return next(pid for pid in self.pids if _listens(pid, self.edge.admin[1]))

    def talk(self) -> Talk:
        """A connection, and the process that has it."""
        sock = self.edge.connect()
        port = sock.getsockname()[1]

        def found() -> int | None:
            inode = _inode_of(port, remote=self.edge.address[1])
            return next((pid for pid in self.pids if inode and f"socket:[{inode}]" in _inodes(pid)), None)

        return Talk(sock, until(found))

    def talks(self) -> tuple[Talk, Talk]:
        """A connection to the owner, and one to a worker."""
        owner, mine = self.owner, dict[bool, Talk]()

        def both() -> bool:
            talk = self.talk()
            mine.setdefault(talk.pid == owner, talk)
            return len(mine) == 2

        until(both)
        return mine[True], mine[False]


def _rows() -> list[list[str]]:
    return [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]


def _inode_of(remote_port: int, *, remote: int) -> str | None:
    """The inode of the server's end of a connection."""
    local, other = f":{remote:04X}", f":{remote_port:04X}"
    return next(
        (row[9] for row in _rows() if row[1].endswith(local) and row[2].endswith(other) and row[9] != "0"), None
    )


def _listens(pid: int, port: int) -> bool:
    inode = next((row[9] for row in _rows() if row[1].endswith(f":{port:04X}") and row[3] == "0A"), None)
    return inode is not None and f"socket:[{inode}]" in _inodes(pid)


@contextlib.contextmanager
def node_process(folder: Path, upstream: int, workers: int = 2, **settings: Any) -> Iterator[Node]:
    """A node with as many processes, of general HTTP."""
    with edge_process(folder, upstream, workers=workers, **({"drain": "1s"} | settings)) as edge:
        yield Node(edge)
        edge.process.terminate()  # its children would outlive a supervisor that is killed, for as long as they drain
        edge.process.wait(30)


__all__ = ["Node", "Talk", "children_of", "everything", "node_process", "until"]
