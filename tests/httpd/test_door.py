"""Half-open requests, slow bodies and foreign pages at every HTTP door, as raw bytes to the real processes."""

from __future__ import annotations

import contextlib
import select
import socket

import pytest

from tests.httpd.doors import PROBE, PROGRAMS, answer_of, ended, process, until

HALF = b"GET / HT"
JSON = "application/json"
CHANGES = {
    "edge": ("/purge", b'{"all":true}'),
    "shield": ("/purge", b'{"all":true}'),
    "origin": ("/library", b""),
    "control": ("/v1/purges", b'{"all":true}'),
    "services": ("/playback/heartbeat", b'{"sessionId":"s","currentPosition":1}'),
}


@pytest.fixture(scope="module", params=PROGRAMS)
def impatient(request, tmp_path_factory):
    """Each program, with a second for a head and a body."""
    times = {"head_timeout": "1s", "idle_timeout": "2s", "stall_timeout": "1s"}
    times |= {} if request.param in ("edge", "shield") else {"body_timeout": "1s"}
    with process(request.param, tmp_path_factory.mktemp(request.param), **times) as door:
        yield door


def test_half_open_requests_are_cut_after_the_head_timeout(impatient):
    """With and without a byte, and one that trickles; whoever was served before is closed when idle."""
    kinds = {b"": 0, HALF: 408, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ": 408}
    socks = [(impatient.connect(), first, status) for first, status in kinds.items() for _ in range(10)]
    for sock, first, _ in socks:
        sock.sendall(first)
    trickling = impatient.connect()
    waiting = [(sock, status) for sock, _, status in socks]
    while waiting:  # each is answered or closed by the door alone; meanwhile one goes on sending
        with contextlib.suppress(OSError):
            trickling.sendall(b"G" if len(waiting) == len(socks) else b"")
        sock, status = waiting.pop()
        assert answer_of(sock)[0] == status
        assert until(lambda sock=sock: ended(sock))
        sock.close()
    assert answer_of(trickling)[0] in (0, 408)
    trickling.close()
    with impatient.connect() as idle:
        idle.sendall(PROBE)
        assert answer_of(idle)[0] == 200
        assert until(lambda: ended(idle))


def test_a_body_that_stands_still_or_trickles_is_answered_408(impatient):
    """Where the body is read at all: the origin has no use for one and answers at once."""
    path, _ = CHANGES[impatient.program]
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {JSON}\r\nContent-Length: 60000\r\n"
    if impatient.program == "control":
        head += f"Authorization: Bearer {(impatient.folder / 'control/api-key').read_text().strip()}\r\n"
    expected = 405 if impatient.program == "origin" else 408
    for trickles in (False, impatient.program not in ("edge", "shield")):  # there a body has a minute
        with impatient.connect() as sock:
            sock.sendall(head.encode() + b"\r\n[")
            while trickles and not select.select([sock], [], [], 0.05)[0]:
                sock.sendall(b" ")
            assert answer_of(sock)[0] == expected
            assert until(lambda sock=sock: ended(sock))


@pytest.mark.parametrize("program", PROGRAMS)
def test_at_the_limit_of_descriptors_a_health_check_still_gets_in(program, tmp_path):
    """More half-open connections than the process may have: the oldest make room, and the log stays small."""
    with process(program, tmp_path, descriptors=128) as door:
        socks: list[socket.socket] = []
        try:
            for _ in range(300):
                sock = door.connect()
                sock.sendall(HALF)
                socks.append(sock)
            for _ in range(5):
                assert door.says(PROBE)[0] == 200
            assert door.descriptors() < 128
            assert door.log.stat().st_size < 64 << 10
        finally:
            for sock in socks:
                sock.close()
        assert door.says(PROBE)[0] == 200


@pytest.mark.parametrize("program", ["origin", "edge"])
def test_without_a_descriptor_left_accepting_says_little_and_goes_on_afterwards(program, tmp_path):
    """Whatever has eaten the descriptors: the door is still there when they are back."""
    with process(program, tmp_path, head_timeout="1s") as door, contextlib.ExitStack() as socks:
        assert door.says(PROBE)[0] == 200
        door.limit_descriptors(door.descriptors())
        for _ in range(50):
            socks.enter_context(door.connect()).sendall(HALF)
        with socket.socket() as probe:
            probe.connect(door.address)
            probe.sendall(PROBE)
            select.select([probe], [], [], 2)  # answered or not: time for it to say what it has to say
        assert door.log.stat().st_size < 16 << 10
        door.limit_descriptors(1024)
        assert until(lambda: door.says(PROBE)[0] == 200)


def test_a_foreign_page_changes_nothing_and_reads_nothing(impatient):
    """Each of the three rules alone, with everything else right."""
    path, body = CHANGES[impatient.program]
    asks = impatient.asks
    assert asks("POST", path, body, Content_Type=JSON, Host="evil.example")[0] == 421
    assert asks("GET", "/healthz", Host="evil.example")[0] == 421
    assert asks("GET", "/healthz", Host="evil.example:80", Origin="http://evil.example:80")[0] == 421
    assert asks("POST", path, body, Content_Type=JSON, Host="")[0] == 400
    if impatient.program != "origin":  # where nothing changes anything
        status, told = asks("POST", path, body, Content_Type="text/plain", Origin="https://evil.example")
        assert (status, told["reason"]) == (403, "cross-site")
        assert asks("POST", path, body, Content_Type=JSON, Origin="https://evil.example")[0] == 403
        assert asks("POST", path, body, Content_Type=JSON, Sec_Fetch_Site="cross-site")[0] == 403
        status, told = asks("POST", path, body, Content_Type="text/plain")
        assert (status, told["reason"]) == (415, "content-type")
        assert asks("POST", path, body)[0] == 415
    status, _ = asks("POST", path, body, Content_Type=JSON)
    assert status == {"edge": 200, "shield": 200, "origin": 405, "control": 401, "services": 404}[impatient.program]
    for host in ("localhost", "127.0.0.1", f"[::1]:{impatient.address[1]}"):
        assert asks("GET", "/healthz", Host=host)[0] == 200


def test_a_drain_can_be_undone_and_a_page_can_do_neither(tmp_path):
    with process("edge", tmp_path) as edge:
        viewers = int(edge.ready.split()[2].rpartition(":")[2])
        assert edge.asks("POST", "/drain", Content_Type="text/plain", Origin="https://evil.example")[0] == 403
        assert edge.asks("POST", "/drain")[0] == 415
        assert edge.asks("GET", "/readyz")[0] == 200
        for _ in range(2):
            assert edge.asks("POST", "/drain", Content_Type=JSON)[0] == 202
            assert edge.asks("GET", "/readyz")[0] == 503
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", viewers), timeout=5)
            assert edge.asks("POST", "/undrain")[0] == 415
            assert edge.asks("POST", "/undrain", Content_Type=JSON)[0] == 200
            assert edge.asks("POST", "/undrain", Content_Type=JSON)[0] == 200
            assert edge.asks("GET", "/readyz")[0] == 200
            with socket.create_connection(("127.0.0.1", viewers), timeout=5) as viewer:
                viewer.sendall(b"GET /cdn/eu/t/none HTTP/1.1\r\nHost: h\r\n\r\n")
                assert answer_of(viewer)[0] == 502


def test_an_admin_port_off_loopback_asks_for_a_key(tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("# ann\n" + "k" * 20 + "\n")
    keys.chmod(0o600)
    with process("edge", tmp_path, admin="127.0.0.1:0", admin_keys=str(keys)) as edge:
        assert edge.asks("GET", "/readyz")[0] == 200
        assert edge.asks("GET", "/stats")[0] == 401
        assert edge.asks("POST", "/drain", Content_Type=JSON, Authorization="Bearer " + "j" * 20)[0] == 401
        assert edge.asks("GET", "/stats", Authorization="Bearer " + "k" * 20)[0] == 200
        told = edge.asks("POST", "/purge", b'{"all":true}', Content_Type=JSON, Authorization="Bearer " + "k" * 20)
        assert told == (200, {"purged": 0})


def test_a_client_that_takes_nothing_is_cut(tmp_path):
    """It asks for more than sockets hold, and reads none of it."""
    with process("services", tmp_path, stall_timeout="1s") as door, door.connect() as sock:
        sock.setblocking(False)
        request = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100
        assert until(lambda: _sends(sock, request) or _is_cut(sock))
        assert door.says(PROBE)[0] == 200


def _sends(sock: socket.socket, data: bytes) -> bool:
    """Send on; whether the connection is gone."""
    try:
        sock.send(data)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return False


def _is_cut(sock: socket.socket) -> bool:
    """Whether the door has reset the connection, without reading from it."""
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0
