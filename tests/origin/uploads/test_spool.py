"""Bytes on disk before anybody is told of them."""

import hashlib

import pytest

from kernel.errors import StorageFailed
from origin.uploads.spool import SYNC_BYTES, Spool
from origin.uploads.tus_protocol import Checksum, TusRefusal


@pytest.fixture
async def spool(tmp_path):
    made = Spool(tmp_path)
    await made.create("x")
    return made


async def pieces(*parts):
    for part in parts:
        if isinstance(part, Exception):
            raise part
        yield part


async def append(spool, offset, *parts, **more):
    committed = []

    async def commit(offset):
        assert spool.path("x").stat().st_size >= offset
        committed.append(offset)

    try:
        await spool.append("x", offset, pieces(*parts), **({"bound": 1 << 40, "commit": commit} | more))
    except (TusRefusal, ConnectionError) as error:
        committed.append(type(error))
    return committed


async def test_commits_follow_the_bytes(spool):
    big = b"z" * SYNC_BYTES
    assert await append(spool, 0, big, b"a", big, b"b") == [SYNC_BYTES, 2 * SYNC_BYTES + 1, 2 * SYNC_BYTES + 2]
    assert await append(spool, 1, b"", b"c") == [2]
    assert spool.path("x").read_bytes() == b"zc"


async def test_a_body_that_breaks_off_counts_unless_it_has_a_checksum(spool):
    cut = ConnectionResetError()
    assert await append(spool, 0, b"abc", cut) == [3, ConnectionResetError]
    right = Checksum("sha256", hashlib.sha256(b"def").digest())
    assert await append(spool, 3, b"def", cut, checksum=right) == [ConnectionResetError]
    assert await append(spool, 3, b"dex", checksum=right) == [TusRefusal]
    assert await append(spool, 3, b"d", b"ef", checksum=right) == [6]
    assert spool.path("x").read_bytes() == b"abcdef"


async def test_too_many_bytes(spool):
    assert await append(spool, 0, b"ab", b"cd", bound=3) == [2, TusRefusal]


async def test_a_lost_file_is_told(spool):
    spool.delete("x")
    with pytest.raises(StorageFailed, match="No such file"):
        await append(spool, 0, b"a")
