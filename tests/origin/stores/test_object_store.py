"""One interface, the same on a folder and on a bucket."""

import asyncio
import hashlib

import pytest

from kernel.store_faults import StoreFault
from origin.stores.object_store import ABSENT, MAX_RECORD_BYTES, StoreFailed
from origin.stores.obstore_store import PART_BYTES


async def fault(awaitable):
    with pytest.raises(StoreFailed) as failed:
        await awaitable
    return failed.value.fault


async def test_put_get_list_delete(store):
    tag = await store.put("a/b/one", b"1")
    await store.put("a/two", b"22")
    await store.put("a/empty", b"")
    await store.make_durable(["a/b/one", "a/two"])
    assert await store.get("a/b/one") == (b"1", tag)
    assert await store.get("a/none") is None
    listed = {one.key: one async for one in store.list("a/")}
    assert {key: one.size for key, one in listed.items()} == {"a/b/one": 1, "a/two": 2, "a/empty": 0}
    assert listed["a/b/one"] == await store.info("a/b/one")
    assert listed["a/b/one"].tag == tag
    assert [one async for one in store.list("none/")] == []
    assert [one async for one in store.list("a/b/o/")] == []
    await store.delete(["a/b/one", "a/none"])
    assert sorted([one.key async for one in store.list("a/")]) == ["a/empty", "a/two"]
    assert await store.info("a/b/one") is None


async def test_a_range_is_whole_or_an_error(store):
    await store.put("x", b"0123456789")
    assert bytes(await store.read("x", 2, 5)) == b"234"
    assert bytes(await store.read("x", 0, 10)) == b"0123456789"
    assert await fault(store.read("x", 8, 11)) is StoreFault.DAMAGED
    assert await fault(store.read("x", 20, 30)) is StoreFault.DAMAGED
    assert await fault(store.read("y", 0, 1)) is StoreFault.MISSING


async def test_the_tag_changes_with_the_object(store):
    first = await store.put("x", b"1")
    assert await store.put("x", b"2") != first
    assert (await store.info("x")).tag != first


async def test_one_of_several_writers_wins(store):
    """The others learn of it: nothing is overwritten unread."""

    async def write(name, only_if):
        try:
            return await store.put("x", name, only_if=only_if)
        except StoreFailed as error:
            return None if error.fault is StoreFault.CONFLICT else error

    for only_if in (ABSENT, None):
        if only_if is None:
            only_if = (await store.info("x")).tag
        names = [f"{only_if}-{number}".encode() for number in range(3)]
        tags = await asyncio.gather(*(write(name, only_if) for name in names))
        [won] = [(name, tag) for name, tag in zip(names, tags, strict=True) if tag]
        assert await store.get("x") == won
    assert await fault(store.put("none", b"", only_if='"a tag"')) is StoreFault.CONFLICT


async def test_a_stream_of_any_size_is_put_in_parts(store):
    """Several parts, in bounded memory; an error on the way leaves no object."""
    piece = bytes(range(256)) * 4096

    async def pieces(count):
        for _ in range(count):
            yield piece

    count = 2 * PART_BYTES // len(piece) + 1
    await store.put_stream("big", pieces(count))
    assert (await store.info("big")).size == count * len(piece)
    got = await store.read("big", 0, count * len(piece))
    assert hashlib.sha256(got).digest() == hashlib.sha256(piece * count).digest()

    async def broken():
        yield piece
        raise OSError(5, "Input/output error")

    assert await fault(store.put_stream("half", broken())) is StoreFault.UNAVAILABLE
    assert await store.info("half") is None


async def test_a_record_is_not_read_beyond_all_bounds(store, monkeypatch):
    monkeypatch.setattr("origin.stores.obstore_store.MAX_RECORD_BYTES", 10)
    await store.put("x", b"0123456789+")
    assert MAX_RECORD_BYTES > 10
    assert await fault(store.get("x")) is StoreFault.DAMAGED


@pytest.mark.parametrize("key", ["../x", "a/../../x", "a//b"])
async def test_no_key_leads_out_of_the_store(store, key):
    with pytest.raises(StoreFailed):
        await store.put(key, b"x")


async def test_no_reader_sees_half_of_an_object(store):
    """While it is replaced, the old content or the new one is read."""
    await store.put("x", b"a" * 100_000)

    async def replace():
        for letter in b"bcdefgh":
            await store.put("x", bytes([letter]) * 100_000)

    writer = asyncio.gather(replace())
    while not writer.done():
        data = (await store.get("x")).data
        assert len(data) == 100_000
        assert len(set(data)) == 1
    await writer
