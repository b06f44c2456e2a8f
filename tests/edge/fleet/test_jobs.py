"""Jobs of control's log, done in their order, receipts after the mark is kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest
import xxhash

from edge.fleet.jobs import (
    CONTACT_SECONDS,
    LOST_CHECKPOINT,
    SLOT_BYTES,
    Checkpoint,
    CheckpointFile,
    JobActions,
    JobRunner,
    decode_checkpoint,
    encode_slot,
)
from edge.fleet.subscribe import START_TIMEOUT
from edge.prefetch.background import PrefetchResult
from kernel.errors import StorageFailed, UpstreamFailed
from kernel.fetch_reasons import PrefetchEnd
from kernel.fleet.jobs import Purge
from kernel.fleet.messages import DONE, PREFETCH, PURGE, Job, Jobs, Receipt, Version
from tests.doubles.clock import FakeClock, turns

EPOCH = "epoch-1"


class Count(int):
    unrecorded_files = 0


CAME = PrefetchResult(PrefetchEnd.FETCHED, 100)


class Ground:
    """A runner over a cache that only records its purges."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.file = CheckpointFile(folder)
        self.did: list[object] = []
        self.prefetches: list[tuple[str, Callable]] = []
        self.gate: asyncio.Event | None = None
        self.breaks: Exception | None = None
        self.left = 0
        self.connected = True
        self.restart()

    def restart(self) -> None:
        self.runner = JobRunner(self.file, self.clock, JobActions(self.purge, self.prefetch, self.offload))
        self.runner.send_receipt = self.did.append
        self.runner.is_connected = lambda: self.connected

    async def purge(self, purge: Purge) -> Count:
        self.did.append(purge)
        if self.gate is not None:
            await self.gate.wait()
        if self.breaks is not None:
            raise self.breaks
        count = Count(7)
        count.unrecorded_files = self.left
        return count

    def prefetch(self, url: str, ended: Callable) -> bool:
        self.prefetches.append((url, ended))
        return "bad" not in url

    async def offload(self, work: Callable[[], None]) -> None:
        work()
        self.did.append(self.runner.checkpoint.version)

    async def __aenter__(self) -> Self:
        await self.runner.load_checkpoint()
        self.did.clear()
        self.task = asyncio.get_running_loop().create_task(self.runner.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def purge(seq: int, key: str = "k") -> Job:
    return Job(seq, PURGE, json.dumps({"keys": [key]}).encode())


def jobs(*entries: Job, floor: int = 0, head: int | None = None, epoch: str = EPOCH) -> Jobs:
    return Jobs(epoch, floor, entries[-1].seq if head is None else head, entries)


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    CheckpointFile(tmp_path).save(Checkpoint(Version(EPOCH, 10), 5.0))
    return Ground(tmp_path)


async def test_a_receipt_comes_after_the_purge_and_after_the_mark(ground: Ground):
    async with ground:
        ground.runner.enqueue(jobs(purge(11)))
        await turns()
        at = Version(EPOCH, 11)
        assert ground.did == [Purge(keys=("k",)), at, Receipt(at, 7)]
        assert ground.file.load()[0] == Checkpoint(at, ground.clock.wall())


async def test_what_comes_together_shares_one_mark(ground: Ground):
    async with ground:
        ground.runner.enqueue(jobs(purge(11, "a"), purge(12, "b")))
        ground.runner.enqueue(jobs(purge(12, "b"), purge(13, "c")))
        await turns()
        assert [one for one in ground.did if isinstance(one, Version)] == [Version(EPOCH, 13)]
        assert [one.job.number for one in ground.did if isinstance(one, Receipt)] == [11, 12, 13]
        assert [one.keys for one in ground.did if isinstance(one, Purge)] == [("a",), ("b",), ("c",)]


async def test_a_kill_between_purge_and_mark_repeats_the_purge(ground: Ground):
    ground.gate = asyncio.Event()
    async with ground:
        ground.runner.enqueue(jobs(purge(11)))
        await turns()
    ground.gate = None
    ground.restart()
    async with ground:
        assert ground.runner.version() == Version(EPOCH, 10)
        ground.runner.enqueue(jobs(purge(11)))
        await turns()
        assert ground.did[-1] == Receipt(Version(EPOCH, 11), 7)


@pytest.mark.parametrize(
    "message", [jobs(purge(40), floor=39), jobs(purge(40), floor=11), jobs(head=12, epoch="epoch-2")]
)
async def test_too_far_behind_everything_is_dropped_and_the_head_is_the_checkpoint(ground: Ground, message: Jobs):
    async with ground:
        ground.runner.enqueue(message)
        await turns()
        head = Version(message.epoch, message.head)
        assert ground.did == [Purge(all=True), head, Receipt(head, 7)]
        assert not ground.runner.is_catching_up


@pytest.mark.parametrize(("head", "dropped"), [(0, False), (3, True)])
async def test_an_edge_that_joins_keeps_what_it_has_only_where_nothing_was_ever_purged(tmp_path, head, dropped):
    async with Ground(tmp_path / "new") as ground:
        ground.runner.enqueue(jobs(head=head))
        await turns()
        assert (Purge(all=True) in ground.did) is dropped
        assert ground.runner.version() == Version(EPOCH, head)


async def test_a_lost_mark_drops_everything_even_of_an_empty_log(ground: Ground):
    ground.file.path.write_bytes(b"damaged")
    async with ground:
        assert ground.runner.checkpoint.contact == 0.0
        ground.runner.enqueue(jobs(head=0))
        await turns()
        assert Purge(all=True) in ground.did


async def test_it_catches_up_with_what_control_named_first(ground: Ground):
    async with ground:
        assert not ground.runner.is_catching_up
        ground.gate = asyncio.Event()
        ground.runner.on_connected()
        ground.runner.enqueue(jobs(purge(11), head=12))
        ground.runner.enqueue(jobs(purge(12), head=13))
        await turns()
        assert ground.runner.is_catching_up
        settled = asyncio.get_running_loop().create_task(ground.runner.wait_until_caught_up())
        ground.gate.set()
        await turns()
        assert not ground.runner.is_catching_up
        assert await settled


async def test_without_a_word_of_control_nothing_is_settled(ground: Ground):
    async with ground:
        settled = asyncio.get_running_loop().create_task(ground.runner.wait_until_caught_up())
        await turns()
        await ground.clock.advance(START_TIMEOUT)
        assert await settled is False
        ground.connected = False
        assert await ground.runner.wait_until_caught_up() is False


async def test_the_contact_is_noted_while_control_is_there(ground: Ground):
    async with ground:
        ground.runner.enqueue(jobs(head=10))
        await turns()
        await ground.clock.advance(CONTACT_SECONDS)
        assert ground.file.load()[0] == Checkpoint(Version(EPOCH, 10), ground.clock.wall())
        there = ground.clock.wall()
        ground.connected = False
        await ground.clock.advance(3 * CONTACT_SECONDS)
        assert ground.file.load()[0].contact == there


async def test_what_goes_wrong_stands_in_the_receipt(ground: Ground):
    async with ground:
        ground.left = 2
        ground.runner.enqueue(jobs(purge(11)))
        await turns()
        assert "2 files" in ground.did[-1].status
        ground.breaks = RuntimeError("oh")
        ground.runner.enqueue(jobs(purge(12)))
        await turns()
        assert "failed" in ground.did[-1].status
        ground.breaks, ground.left = None, 0

        async def broken(_: object) -> None:
            raise StorageFailed("no room")

        ground.runner._actions.offload = broken
        ground.runner.enqueue(jobs(purge(13)))
        await turns()
        assert "no room" in ground.did[-1].status
        assert ground.runner.version() == Version(EPOCH, 13)


async def test_what_is_not_understood_drops_everything_or_says_so(ground: Ground):
    async with ground:
        ground.runner.enqueue(
            jobs(Job(11, PURGE, b'{"regex": [".*"]}'), Job(12, "bake", b"{}"), Job(13, PREFETCH, b""))
        )
        await turns()
        assert ground.did[0] == Purge(all=True)
        done, unknown, unread = ground.did[2:]
        assert done == Receipt(Version(EPOCH, 11), 7)
        assert "bake" in unknown.status
        assert "not understood" in unread.status


async def test_a_prefetch_holds_up_no_purge_and_has_its_receipt_when_all_has_come(ground: Ground):
    async with ground:
        urls = {"urls": ["/cdn/eu/t/1", "/cdn/eu/t/2", "/bad"]}
        ground.runner.enqueue(jobs(Job(11, PREFETCH, json.dumps(urls).encode()), purge(12)))
        await turns()
        assert [one.job.number for one in ground.did if isinstance(one, Receipt)] == [12]
        ground.prefetches[0][1](None, CAME)
        ground.prefetches[1][1](None, CAME)
        assert ground.did[-1] == Receipt(Version(EPOCH, 11), 2, 200, "not prefetched: 1 refused")
        ground.runner.enqueue(jobs(Job(13, PREFETCH, b'{"urls": []}')))
        await turns()
        assert ground.did[-1] == Receipt(Version(EPOCH, 13), status=DONE)


async def test_more_than_it_can_hold_cuts_the_stream(ground: Ground, monkeypatch):
    monkeypatch.setattr("edge.fleet.jobs.MAX_WAITING", 2)
    ground.runner.enqueue(jobs(purge(11)))
    ground.runner.enqueue(jobs(purge(12)))
    with pytest.raises(UpstreamFailed):
        ground.runner.enqueue(jobs(purge(13)))


MARK = Checkpoint(Version("epoch-1", 17), 1_800_000_000.25)
LENGTH = len(encode_slot(MARK, 1).rstrip(b"\0"))


def number(at: int) -> Checkpoint:
    return MARK._replace(version=Version("epoch-1", at))


def test_what_was_saved_last_is_there(tmp_path: Path):
    file = CheckpointFile(tmp_path / "fleet")
    assert file.load() == (Checkpoint(), "")
    for at in range(1, 6):
        file.save(number(at))
        assert CheckpointFile(tmp_path / "fleet").load() == (number(at), "")
    again = CheckpointFile(tmp_path / "fleet")
    again.load()
    again.save(number(6))
    assert CheckpointFile(tmp_path / "fleet").load() == (number(6), "")
    assert [one.name for one in file.folder.iterdir()] == ["mark"]


@pytest.mark.parametrize("at", range(0, LENGTH, 7))
def test_a_flipped_bit_is_seen(at: int):
    data = bytearray(encode_slot(MARK, 1))
    data[at] ^= 1
    with pytest.raises(ValueError, match="checksum"):
        decode_checkpoint(bytes(data))


@pytest.mark.parametrize("left", [0, 10, LENGTH - 1])
def test_a_torn_write_leaves_the_mark_before(tmp_path: Path, left: int):
    file = CheckpointFile(tmp_path)
    for at in (1, 2, 3):
        file.save(number(at))
    data = bytearray(file.path.read_bytes())
    data[:SLOT_BYTES] = encode_slot(number(3), 3)[:left] + encode_slot(number(1), 1)[left:]
    file.path.write_bytes(data)
    assert file.load()[0] in (number(2), number(3))
    data[SLOT_BYTES:] = b"\0" * SLOT_BYTES
    data[:SLOT_BYTES] = b"\0" * SLOT_BYTES
    file.path.write_bytes(data[: left or 1])
    mark, why = file.load()
    assert mark == LOST_CHECKPOINT
    assert "damaged" in why
    file.save(number(9))
    assert file.load() == (number(9), "")


def test_a_file_that_cannot_be_read_or_written_says_so(tmp_path: Path):
    file = CheckpointFile(tmp_path)
    file.path.mkdir()
    mark, why = file.load()
    assert mark == LOST_CHECKPOINT
    assert "cannot be read" in why
    with pytest.raises(StorageFailed, match="cannot be written"):
        file.save(MARK)


def test_a_file_that_went_is_made_again(tmp_path: Path):
    file = CheckpointFile(tmp_path)
    file.save(number(1))
    file.path.unlink()
    with pytest.raises(StorageFailed):
        file.save(number(2))
    file.save(number(3))
    assert file.load() == (number(3), "")


@pytest.mark.parametrize("body", [b'{"epoch": 1}', b'{"turn": 1, "epoch": "e", "number": 1, "contact": "now"}', b"[]"])
def test_what_is_whole_and_is_no_mark(body: bytes):
    with pytest.raises(ValueError, match=r"has no|must be"):
        decode_checkpoint(b"matinee-edge-mark 1 xxh3=" + xxhash.xxh3_128_hexdigest(body).encode() + b"\n" + body)
