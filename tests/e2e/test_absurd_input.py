"""What nobody should send, sent to real processes: each door names the parameter, and no edge stops for a field."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from services.catalogue.routes import encode_cursor

ROOT = Path(__file__).resolve().parents[2]


@contextlib.contextmanager
def program(*arguments):
    """A program of ours; the words of its ready line."""
    command = [sys.executable, "-P", "-m", "tools.cli", *map(str, arguments)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT, start_new_session=True
    )
    try:
        yield process.stdout.readline().split(), process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
        process.stdout.close()


def ask(base, method, path, body=None, **fields):
    """(status, the problem document) of a request; its bytes go out as they are given."""
    parts = urlsplit(base)
    connection = HTTPConnection(parts.hostname, parts.port, timeout=30)
    with contextlib.closing(connection):
        headers = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, path, body, headers | fields)
        answer = connection.getresponse()
        data = answer.read()
        kind = answer.getheader("Content-Type", "")
        return answer.status, json.loads(data) if "json" in kind else data


def refused(base, told, found):
    """Whether every request of the table got a 400 problem that names its parameter."""
    wrong = {}
    for name, method, path, body in told:
        status, problem = ask(base, method, path, body, **found)
        if status != 400 or not isinstance(problem, dict) or name not in problem.get("detail", ""):
            wrong[method, path[:60], (body or "")[:60]] = (
                status,
                problem.get("detail") if isinstance(problem, dict) else "",
            )
    return wrong


NUMBERS = [
    *("-1", "0", "1e9", "NaN", "inf", "-inf", "9" * 5000, "9223372036854775808", "1.5", "%D9%A1%D9%A2", "%00", "1%00"),
    *("0x10", "+1", "%20", "1_0"),
]
TEXTS = ["%00", "a%00b", "x" * 5000]
CURSORS = [
    *("%00", "-1", "NaN", "x" * 5000, "%F0%9F%92%A9", "9" * 30),
    *map(encode_cursor, ((2**63, 0.0, "a"), (10**300, 0.0, "a"), (-1, 0.0, "a"), (1, -1.0, "a"), (1, 1e300, "a"))),
    *map(encode_cursor, ((1, 0.0, "\0"), (1, 0.0, "x" * 90), (0, 0.0, ""))),
]
BODY = '{"sessionId": "%s", "currentPosition": %s}'


def of_services():
    for number in NUMBERS:
        for path in ("/titles?", "/search?query=a&", "/recommendations?userId=a&"):
            yield "limit", "GET", f"{path}limit={number}", None
        yield "bitrate", "GET", f"/playback/start?contentId=a&bitrate={number}", None
        if number != "0":
            yield "viewer", "GET", f"/steering/known?viewer={number}", None
    for cursor in CURSORS:
        yield "cursor", "GET", f"/titles?cursor={quote(cursor, safe='%')}", None
    for text in TEXTS:
        yield "query", "GET", f"/search?query={text}", None
        yield "genre", "GET", f"/search?genre={text}", None
        yield "userId", "GET", f"/recommendations?userId={text}", None
        yield "country", "GET", f"/titles?country={text}", None
        yield "contentId", "GET", f"/titles/{text}", None
    for position in ("-1", "1e999", "9" * 400, "NaN", "Infinity", '"1"', "null"):
        yield "currentPosition", "POST", "/playback/heartbeat", BODY % ("a", position)
    for session in ("\\u0000", "\\ud800", "x" * 200):
        yield "sessionId", "POST", "/playback/heartbeat", BODY % (session, "1")
    yield "edge", "POST", "/playback/heartbeat", '{"sessionId": "a", "currentPosition": 1, "edge": "http://["}'
    yield "requests", "POST", "/playback/heartbeat", BODY[:-1] % ("a", "1") + ', "requests": 99999999999999999999}'
    yield "contentId", "POST", "/recommendations/feedback", '{"userId": "a", "contentId": "\\ud800", "action": "VIEW"}'


def of_control():
    for number in NUMBERS:
        yield "limit", "GET", f"/v1/titles?limit={number}", None
        yield "limit", "GET", f"/v1/jobs?limit={number}", None
        yield "limit", "GET", f"/v1/audit?limit={number}", None
        yield "most", "GET", f"/v1/route?contentId=a&most={number}", None
    for number in set(NUMBERS) - {"0"}:
        yield "cursor", "GET", f"/v1/jobs?cursor={number}", None
        yield "cursor", "GET", f"/v1/audit?cursor={number}", None
        yield "from", "GET", f"/v1/diff?from={number}", None
        if number != "1.5":
            yield "wait", "GET", f"/v1/jobs/1?wait={number}", None
        yield "job", "GET", f"/v1/jobs/{number}", None
    for text in TEXTS:
        yield "cursor", "GET", f"/v1/titles?cursor={text}", None
        yield "cursor", "GET", f"/v1/edges?cursor={text}", None
        yield "region", "GET", f"/v1/hot?region={text}", None
        yield "reason", "PUT", f"/v1/titles/a?reason={text}", "{}"
    yield "until", "POST", "/v1/revocations", '{"sid": "a", "until": 1e999}'
    yield "until", "POST", "/v1/revocations", '{"sid": "a", "until": ' + "9" * 400 + "}"
    yield "sid", "POST", "/v1/revocations", '{"sid": "\\ud800"}'
    yield "allow[0]", "PUT", "/v1/titles/a", '{"allow": ["\\u0000"]}'


def test_the_services_name_the_parameter_that_is_absurd(tmp_path):
    with program("services", "--listen", "127.0.0.1:0", "--data", tmp_path, "--insecure-dev") as (
        words,
        process,
    ):
        assert refused(words[2], of_services(), {}) == {}
        assert ask(words[2], "GET", "/titles")[0] == 200
        assert process.poll() is None


def test_control_names_the_parameter_that_is_absurd(tmp_path):
    with program("control", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data", tmp_path) as (
        words,
        process,
    ):
        base = next(word for word in words if word.startswith("http"))
        key = (tmp_path / "api-key").read_text().strip()
        bearer = {"Authorization": f"Bearer {key}"}
        assert refused(base, of_control(), bearer) == {}
        assert ask(base, "GET", "/v1/titles", **bearer)[0] == 200
        assert ask(base, "GET", "/v1/titles", Authorization="Bearer \xff\xfe")[0] == 401
        assert process.poll() is None


@pytest.fixture
def edge(tmp_path):
    """(viewers' address, admin's base) of an edge without an upstream that answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        upstream = f"http://127.0.0.1:{silent.getsockname()[1]}"
    flags = (
        "--id",
        "e1",
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
        "--upstream",
        upstream,
        "--tokens",
        "off",
    )
    flags += ("--geo", "off", "--profile", "general", "--ram", "16MiB", "--disk", "0", "--access-log", "off")
    with program("edge", *flags, "--cache-dir", tmp_path / "cache") as (words, process):
        found = [urlsplit(word if "//" in word else f"//{word}") for word in words if ":" in word]
        yield (found[0].hostname, found[0].port), f"http://{found[1].netloc}", process


FIELDS = [
    b"Cache-Control: a," + b"\t" * 47_000 + b'"',
    b"Cache-Control: " + b"a \t" * 15_000 + b'"',
    b"Pragma: a," + b" " * 47_000 + b'"',
    b"CMCD-Request: x " + b'\\"' * 2_040,
    b'CMCD-Request: a="' + b'\\",' * 1_350,
    b"If-None-Match: " + b'W/"' * 15_000,
    b"Range: bytes=" + b"0-," * 15_000,
    b"Accept-Encoding: " + b"gzip;q=0" * 5_000,
    b"Cookie: " + b"a;=" * 15_000,
    b"CDN-Loop: " + b"a;b," * 11_000,
    b"X-Forwarded-For: " + b"::1," * 11_000,
]


def test_no_field_that_is_repeated_stops_an_edge(edge):
    """Eighteen seconds it was, for the first of them; what is counted is the edge's own CPU, not the time."""
    address, _, process = edge
    before = spent(process.pid)
    for field in FIELDS:
        with socket.create_connection(address, timeout=30) as connection:
            connection.sendall(b"GET /cdn/eu/film/a HTTP/1.1\r\nHost: a\r\n" + field + b"\r\n\r\n")
            assert connection.recv(12).startswith(b"HTTP/1.1 ")
    assert process.poll() is None
    assert spent(process.pid) - before < 3.0


def spent(pid):
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


ADMIN = [
    ("url", '{"url": "\\ud800"}'),
    ("url", '{"url": "/a\\u0000"}'),
    ("country", '{"url": "/a", "country": "x"}'),
    ("address", '{"url": "/a", "address": "nowhere"}'),
]


def test_the_edges_own_door_names_what_is_absurd(edge):
    _, base, process = edge
    assert not refused(base, [(name, "POST", "/why", body) for name, body in ADMIN], {})
    purges = [("urls[0]", '{"urls": ["\\ud800"]}'), ("keys[0]", '{"keys": ["a\\u0000"]}'), ("soft", '{"soft": 1e999}')]
    assert not refused(base, [(name, "POST", "/purge", body) for name, body in purges], {})
    assert process.poll() is None
