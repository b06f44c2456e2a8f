"""The viewers: keep-alive connections that ask for the next object as soon as one is whole.

`python -m tools.bench.load` reads one job (JSON) a line on stdin and answers one result a line on stdout. Plain
epoll and `recv_into` in place of an event loop: the generator must outrun the servers at 1 KiB.
"""

from __future__ import annotations

import dataclasses
import select
import socket
import ssl
import sys
import time

import msgspec

from tools.bench.processes import BenchFailed, cpu_seconds

BUFFER = 256 << 10
HEAD = 4096
STALLED = 10.0
FIELDS = "".join(
    f"{field}\r\n"
    for field in (
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0",
        "Accept: */*",
        "Origin: https://films.example",
        "Referer: https://films.example/",
        "Accept-Encoding: gzip, deflate, br",
    )
)


class Job(msgspec.Struct, frozen=True):
    """One measurement: who asks whom for what, how long, and whose CPU counts."""

    port: int
    targets: list[list[str]]
    """For each connection the request targets it asks for, round and round."""
    length: int
    """Bytes of every body."""
    warm_up: float
    seconds: float
    pids: list[int]
    tls: bool = False
    """Over TLS 1.3; the certificate is not looked at."""
    once: bool = False
    """Every target once, however long it takes: the measurement is the whole of it."""


class Result(msgspec.Struct, frozen=True):
    """What a measurement saw: whole answers in the window, its seconds, CPU seconds of the server in it."""

    requests: int
    seconds: float
    cpu: float
    total: int
    """Whole answers including warm-up and what was still on its way when the window closed."""


@dataclasses.dataclass(slots=True)
class Connection:
    """A viewer's connection: `left` bytes of the body are still to come; None = the head is."""

    socket: socket.socket
    requests: list[bytes]
    turn: int = 0
    left: int | None = None
    head: bytes = b""
    open: bool = True

    def more(self, buffer: memoryview) -> memoryview | None:
        """What has arrived; None when that is no data yet (TLS has records that are none)."""
        try:
            return buffer[: self.socket.recv_into(buffer)]
        except ssl.SSLWantReadError:
            return None

    def ask(self) -> None:
        """Send the next request."""
        request = self.requests[self.turn]
        self.turn = (self.turn + 1) % len(self.requests)
        if self.socket.send(request) != len(request):
            raise BenchFailed("a request did not fit the socket")

    def take(self, chunk: memoryview, length: int) -> bool:
        """Count what arrived; whether the answer is whole with it. BenchFailed when it is not a 200 of that length."""
        if not chunk:
            raise BenchFailed("the server closed a connection")
        if self.left is None:
            start = self.head + bytes(chunk[:HEAD])
            end = start.find(b"\r\n\r\n")
            if end < 0 and len(start) < HEAD:
                self.head = start
                return False
            if end < 0 or not start.startswith(b"HTTP/1.1 200 "):
                raise BenchFailed(f"the server answered {start[:300].decode('latin-1')!r}")
            self.left = length - (len(self.head) + len(chunk) - end - 4)
            self.head = b""
        else:
            self.left -= len(chunk)
        if self.left < 0:
            raise BenchFailed(f"the server sent {-self.left} bytes more than the object has")
        if self.left:
            return False
        self.left = None
        return True


def connect(job: Job) -> list[Connection]:
    """Open the job's connections."""
    opened = []
    for targets in job.targets:
        requests = [f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n{FIELDS}\r\n".encode() for target in targets]
        connection = socket.create_connection(("127.0.0.1", job.port), STALLED)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if job.tls:
            connection = tls_context().wrap_socket(connection)
        connection.setblocking(False)
        opened.append(Connection(connection, requests))
    return opened


def tls_context() -> ssl.SSLContext:
    """TLS 1.3 by whatever cipher the server and OpenSSL's defaults choose: the same for every server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def measure(job: Job) -> Result:
    """Run one job."""
    connections = connect(job)
    try:
        return _drive(job, connections)
    finally:
        for connection in connections:
            connection.socket.close()


def _drive(job: Job, connections: list[Connection]) -> Result:
    by_descriptor = {connection.socket.fileno(): connection for connection in connections}
    buffer = memoryview(bytearray(BUFFER))
    done = counted = 0
    began, cpu = 0.0, _cpu(job)
    result: Result | None = None
    with select.epoll() as poll:
        for descriptor, connection in by_descriptor.items():
            poll.register(descriptor, select.EPOLLIN)
            connection.ask()
        opens = time.perf_counter() + job.warm_up
        closes = opens + job.seconds
        while by_descriptor:
            events = poll.poll(STALLED)
            now = time.perf_counter()
            if not events:
                raise BenchFailed(f"the server sent nothing for {STALLED:g} s")
            if not began and now >= opens and not job.once:
                began, counted, cpu = now, done, _cpu(job)
            elif result is None and began and now >= closes and not job.once:
                result = Result(done - counted, now - began, _cpu(job) - cpu, 0)
            for descriptor, _ in events:
                connection = by_descriptor[descriptor]
                whole = _took(connection, buffer, job.length)
                done += whole
                if whole and result is None and not (job.once and connection.turn == 0):
                    connection.ask()
                elif whole:
                    poll.unregister(descriptor)
                    del by_descriptor[descriptor]
    if job.once:
        result = Result(done, time.perf_counter() - opens, _cpu(job) - cpu, 0)
    if result is None:
        raise BenchFailed("the measurement never closed")
    return msgspec.structs.replace(result, total=done)


def _took(connection: Connection, buffer: memoryview, length: int) -> bool:
    """Read what is there; whether the answer is whole with it."""
    while (chunk := connection.more(buffer)) is not None:
        if connection.take(chunk, length):
            return True
        if not isinstance(connection.socket, ssl.SSLSocket):
            return False
    return False


def _cpu(job: Job) -> float:
    return sum(cpu_seconds(pid) for pid in job.pids)


def main() -> int:
    """Jobs in, results out, until stdin ends; an error is told as `{"failed": why}`."""
    for line in sys.stdin.buffer:
        try:
            answer = msgspec.json.encode(measure(msgspec.json.decode(line, type=Job)))
        except (BenchFailed, OSError) as error:
            answer = msgspec.json.encode({"failed": str(error)})
        sys.stdout.buffer.write(answer + b"\n")
        sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
