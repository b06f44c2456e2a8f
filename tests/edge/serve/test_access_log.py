"""The access log: whatever a viewer sends, each record is one line of JSON and holds no token."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from edge.counters import Counts
from edge.log_fields import LOG_FIELDS
from edge.policy.route import MEDIA, media_route
from edge.serve.access_log import FLUSH_LINES, MAX_QUEUED_LINES, PIECES, AccessLog, RequestRecorder
from edge.serve.transaction import Transaction
from edge.tasks import TaskOwner
from edge.wire.request import Request
from edge.wire.viewer import Viewer
from kernel.errors import BadSettings
from kernel.vocabulary import Outcome, Refusal
from tests.doubles.clock import FakeClock, turns
from tests.edge.ground import standing
from tests.edge.wire.fakes import Remembering, connected

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Log:
    """An access log and what it lost."""

    def __init__(self, folder: Path, name: str = "access.log") -> None:
        self.file = folder / name
        self.lost: list[int] = []
        self.failed: list[BaseException] = []
        self.clock = FakeClock()
        self.tasks = TaskOwner(self.failed.append)
        self.log = AccessLog(self.file, 'e"1', self.clock, self.tasks, self.lost.append)

    def add(self, path: bytes = b"/a", **more) -> None:
        given = {
            "traceparent": None, "session": None, "address": "192.0.2.1", "country": None, "protocol": "h2",
            "method": b"GET", "path": path, "status": 200, "sent": 5, "outcome": "hit", "reason": None,
            "seconds": 0.0015,
        } | more  # fmt: skip
        self.log.log_request(*given.values())

    async def written(self) -> list[dict]:
        while self.log._pieces or len(self.tasks):
            await self.clock.advance(1)
            await asyncio.sleep(0.001)
        return [json.loads(line) for line in self.file.read_text().splitlines()]


@pytest.fixture
async def log(tmp_path: Path):
    made = Log(tmp_path)
    yield made
    await made.tasks.stop(grace=1)
    made.log.close()
    assert made.failed == []


async def test_a_record_has_every_field_of_the_table(log: Log):
    log.add(traceparent=f"00-{TRACE}-00f067aa0ba902b7-01".encode(), session='s"1', country="DE", reason="left")
    (record,) = await log.written()
    assert set(record) == {name for name, _ in LOG_FIELDS}
    assert record["trace_id"] == TRACE
    assert (record["session"], record["country"], record["node"], record["reason"]) == ('s"1', "DE", 'e"1', "left")
    assert record["ms"] == 1.5


@pytest.mark.parametrize(
    "path",
    [
        b'/"',
        b"/\\",
        b'/a","x":"',
        b"/\n{}",
        b"/\r\x00\x1f\x7f",
        b"/\xe4\xff",
        "/ä€".encode(),
        b"/%22",
        b"/" + b"x" * 9000,
        b"",
    ],
)
async def test_a_hostile_path_is_one_line_and_reads_back(log: Log, path: bytes):
    log.add(path)
    log.add(b"/after")
    first, second = await log.written()
    assert first["path"].encode("latin-1") == path
    assert second["path"] == "/after"


@pytest.mark.parametrize("given", [b"", b"x", b"00-zz-00-01", b'00-"-', f"00-{TRACE}-00f067aa0ba902b7-01\n".encode()])
async def test_a_trace_that_is_none_is_replaced(log: Log, given: bytes):
    log.add(traceparent=given)
    log.add()
    first, second = await log.written()
    assert len(first["trace_id"]) == 32
    assert first["trace_id"] != second["trace_id"]


async def test_hits_of_the_straight_run_read_the_same(log: Log):
    beginning = (log.log.line_prefix("s", "192.0.2.1", "DE", "h2", "GET") + "/cdn/eu/t1/v720/").encode()
    log.log.log_hit(beginning, b"1.m4s", log.log.hit_record(7), log.clock.wall())
    (record,) = await log.written()
    assert set(record) == {name for name, _ in LOG_FIELDS}
    assert (record["path"], record["bytes"], record["outcome"]) == ("/cdn/eu/t1/v720/1.m4s", 7, "hit")


async def test_lines_are_written_after_a_moment_or_when_there_are_many(log: Log):
    log.add()
    assert log.file.read_text() == ""
    for _ in range(FLUSH_LINES):
        log.add()
    while len(log.tasks):
        await asyncio.sleep(0.001)
    assert len(log.file.read_text().splitlines()) >= FLUSH_LINES
    assert len(await log.written()) == FLUSH_LINES + 1


async def test_what_comes_while_a_batch_is_written_is_written_too(log: Log):
    """Without waiting for a further request."""
    log.add(b"/1")
    log.log.flush()
    log.add(b"/2")
    log.log._timed = False
    log.log.flush()
    while len(log.tasks):
        await asyncio.sleep(0.001)
    assert [record["path"] for record in await log.written()] == ["/1", "/2"]


async def test_a_log_that_cannot_keep_up_drops_and_counts(log: Log):
    """A viewer never waits for it."""
    log.log._flushing = True
    for _ in range(MAX_QUEUED_LINES + FLUSH_LINES + 10):
        log.add()
    assert sum(log.lost) >= MAX_QUEUED_LINES
    assert len(log.log._pieces) < MAX_QUEUED_LINES * PIECES
    log.log._flushing = False


async def test_a_disk_that_fails_loses_lines_and_nothing_else(log: Log, monkeypatch: pytest.MonkeyPatch):
    def full(lines):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(log.log, "_append", full)
        log.add()
        await log.written()
        assert log.lost == [1]
    log.add()
    assert len(await log.written()) == 1


async def test_a_moved_file_is_let_go_on_reopening(log: Log):
    log.add(b"/old")
    await log.written()
    log.file.rename(log.file.with_suffix(".1"))
    descriptor = log.log._fd
    log.log.reopen()
    log.add(b"/new")
    assert [record["path"] for record in await log.written()] == ["/new"]
    assert log.log._fd == descriptor


async def test_closing_writes_the_rest(tmp_path: Path):
    made = Log(tmp_path)
    made.add(b"/last")
    made.log.close()
    assert json.loads(made.file.read_text())["path"] == "/last"
    await made.tasks.stop(grace=0)
    await turns()


def test_a_file_that_cannot_be_written_is_the_operators_fault(tmp_path: Path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadSettings, match="cannot be written") as failed:
        AccessLog(tmp_path / "folder", "e", FakeClock(), None, print)  # type: ignore[arg-type]
    assert failed.value.setting == "access_log"


def test_the_log_is_not_for_everybody(tmp_path: Path):
    AccessLog(tmp_path / "deep" / "access.log", "e", FakeClock(), None, print).close()  # type: ignore[arg-type]
    assert (tmp_path / "deep" / "access.log").stat().st_mode & 0o007 == 0


JWT = "eyJhbGciOiJFZERTQSJ9.eyJzaWQiOiJzIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize("profile", ["general", "media"])
async def test_a_token_is_never_in_the_log_wherever_it_stood(tmp_path: Path, profile: str):
    """In the path, the query, a cookie, a header; accepted, refused or malformed."""
    file = tmp_path / "access.log"
    async with standing(tmp_path, profile=profile, access_log=file) as ground:
        for target in (
            f"/t/{JWT}/cdn/eu/t1/v720/1.m4s", f"/t/{JWT}/cdn/eu/t1/../x", f"/t/{JWT}/nowhere", f"/t/{JWT}",
            f"/cdn/eu/t1/v720/1.m4s?token={JWT}", f"/cdn/eu/t1/v720/1.m4s?URISigningPackage={JWT}&x=1",
            f"/t/{JWT}/t/{JWT}/cdn/eu/t1/v720/1.m4s", f"http://h/t/{JWT}/cdn/eu/t1/v720/1.m4s",
        ):  # fmt: skip
            for more in ("", f"Authorization: Bearer {JWT}\r\n", f"Cookie: URISigningPackage={JWT}\r\n", "bad\r\n"):
                for _ in range(2):
                    await ground.gets(target, more=more)
        await ground.clock.advance(1)
        await ground.until(lambda: not len(ground.edge.tasks))
        text = file.read_text()
        assert len(text.splitlines()) == 64
        assert all(json.loads(line)["status"] for line in text.splitlines())
        assert "c2lnbmF0dXJl" not in text


SEG = b"/cdn/eu/film/v720/1.m4s"


def _transaction(fields: dict[bytes, bytes]) -> Transaction:
    request = Request(b"GET", SEG, fields, 1, keep_alive=True)
    routed = media_route(request, MEDIA)
    assert not isinstance(routed, Refusal)
    connection, _ = connected(Remembering())
    return Transaction(request, connection, Viewer("127.0.0.1"), routed, None, 0.0)


def test_a_prefetch_by_another_edge_is_not_popularity() -> None:
    counts = Counts()
    recorder = RequestRecorder(counts, None, FakeClock())
    recorder.record_served(_transaction({}), 200, 10, Outcome.HIT)
    recorder.record_served(_transaction({b"sec-purpose": b"prefetch"}), 200, 10, Outcome.HIT)
    assert list(counts.renditions.drain()) == [(b"film/v720", 10, 1)]
    assert (counts.hits, counts.bytes_sent, counts.statuses) == (2, 20, {200: 2})


def test_a_response_without_a_body_is_not_popularity() -> None:
    counts = Counts()
    RequestRecorder(counts, None, FakeClock()).record_served(_transaction({}), 304, 0, Outcome.HIT)
    assert list(counts.renditions.drain()) == []


def test_requests_are_counted_by_status_without_an_access_log() -> None:
    counts = Counts()
    recorder = RequestRecorder(counts, None, FakeClock())
    for status in (200, 404, 200):
        recorder.record_request(_transaction({}), status, 0, Outcome.MISS)
    assert counts.statuses == {200: 2, 404: 1}
