"""A spooled body: what is written leaves memory, the upstream waits for a slow disk, and a failed write is no loss."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cache.body import SpoolFile
from cache.disk.spool import MAX_UNWRITTEN_BYTES, Spool
from cache.entry import Entry
from cache.fills.fill import Fill
from cache.fills.fill_state import FillState

PIECE = 1 << 20


class SlowDisk:
    """Runs work only when told to."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    def spawn(self, work: Any) -> asyncio.Task[None]:
        self.tasks.append(asyncio.create_task(work))  # noqa: TID251 (awaited by the test)
        return self.tasks[-1]

    async def offload(self, work: Callable[[], Any]) -> Any:
        await self.gate.wait()
        return work()


class Ground:
    def __init__(self, folder: Path | None) -> None:
        self.disk = SlowDisk()
        self.fill = Fill(b"k", 0.0)
        self.fill.receive_head(Entry(b"k", 200, [], None), kept=True)
        self.held: list[str] = []
        self.file = SpoolFile(folder)
        self.spool = Spool(
            self.fill, self.file, self.disk, lambda: self.held.append("pause"), lambda: self.held.append("resume")
        )

    def brings(self, data: bytes) -> None:
        self.fill.append_body(data)
        self.spool.advance()


@pytest.fixture(params=["disk", "memory"])
async def ground(tmp_path: Path, request: pytest.FixtureRequest) -> Ground:
    return Ground(tmp_path if request.param == "disk" else None)


async def test_the_upstream_waits_while_too_much_is_unwritten_and_every_byte_can_be_read(ground: Ground) -> None:
    body = os.urandom(MAX_UNWRITTEN_BYTES + 3 * PIECE)
    for at in range(0, len(body), PIECE):
        ground.brings(body[at : at + PIECE])
    assert ground.held == ["pause"]
    ground.disk.gate.set()
    await asyncio.gather(*ground.disk.tasks)
    await ground.spool.drain()
    assert ground.held == ["pause", "resume"]
    assert ground.fill.unspooled_chunks() == []
    assert b"".join(ground.fill.read(at, 1000) or b"" for at in range(0, len(body), 1000)) == body


async def test_what_was_read_before_a_write_failed_stays_readable(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The body is passed on and not kept; readers behind it still find all of it."""
    ground.disk.gate.set()
    ground.fill.readers[Behind()] = None  # type: ignore[index]
    ground.brings(b"a" * PIECE)
    await asyncio.gather(*ground.disk.tasks)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(SpoolFile, "append", full)
    ground.brings(b"b" * PIECE)
    await asyncio.gather(*ground.disk.tasks)
    assert ground.fill.state is FillState.PASSING_THROUGH
    assert bytes(ground.fill.read(PIECE - 1, 1) or b"") == b"a"
    assert bytes(ground.fill.read(PIECE, 1) or b"") == b"b"


async def test_a_body_that_is_not_to_be_kept_any_more_waits_for_its_slowest_reader(ground: Ground) -> None:
    """The end of a write resumed the upstream, and the memory held what the reader had not read, without a bound."""
    fill = ground.fill
    fill.pause, fill.resume = lambda: ground.held.append("pause"), lambda: ground.held.append("resume")
    fill.readers[Behind()] = None  # type: ignore[index]
    for _ in range(MAX_UNWRITTEN_BYTES // PIECE + 1):
        ground.brings(b"a" * PIECE)
    fill.purge()
    ground.disk.gate.set()
    await asyncio.gather(*ground.disk.tasks)
    ground.brings(b"b" * PIECE)
    await asyncio.gather(*ground.disk.tasks)
    assert set(ground.held) == {"pause"}


class Behind:
    position = 0

    def on_bytes(self) -> None:
        """Reads nothing."""
