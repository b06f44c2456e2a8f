"""Encryption at rest: what is read is what was stored, and what is stored tells nothing."""

import pytest

from kernel.store_faults import StoreFault
from origin.stores.encrypted_store import NEAR_BYTES, EncryptedStore
from origin.stores.frames import FRAME_BYTES
from origin.stores.object_store import StoreFailed
from origin.stores.uploads import checksum, checksum_object
from origin.stores.wrapping_keys import WrappingKeys
from system.sealing import SealingKeys
from tests.doubles.object_store import WrappedStore


def encrypted(inner, key=b"k"):
    return EncryptedStore(inner, WrappingKeys(inner, SealingKeys({"one": key * 32})))


def text(size):
    return (b"0123456789abcdef" * (size // 16 + 1))[:size]


async def pieces(data, size=100_000):
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.mark.parametrize("size", [0, 5, FRAME_BYTES, 3 * FRAME_BYTES + 17, 2 * NEAR_BYTES + 3])
async def test_ranges_of_objects_of_any_size(store, size):
    """Put whole or in parts; read whole, at the edges of frames, by a store that knows the object or not."""
    data, sealed = text(size), encrypted(store)
    await sealed.put("media/x/whole", data)
    await sealed.put_stream("media/x/parts", pieces(data))
    edges = {0, 1, 5, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, NEAR_BYTES + FRAME_BYTES + 9, size - 1, size}
    for key in ("media/x/whole", "media/x/parts"):
        info = await sealed.info(key)
        assert sealed.fits(info.size, size)
        assert info.size > size
        for first in sorted(edge for edge in edges if 0 <= edge < size):
            for reader in (sealed, encrypted(store)):
                assert bytes(await reader.read(key, first, size)) == data[first:]
                assert bytes(await reader.read(key, first, first + 1)) == data[first : first + 1]
        assert (await sealed.get(key)).data == data
        with pytest.raises(StoreFailed) as failed:
            await encrypted(store).read(key, 0, size + 1)
        assert failed.value.fault is StoreFault.DAMAGED


async def test_nothing_readable_is_stored(store):
    sealed = encrypted(store)
    await sealed.put("titles/x/title.json", b"a secret title " * 10_000)
    stored = (await store.get("titles/x/title.json")).data
    assert b"secret title" not in stored
    await sealed.put("titles/x/title.json", b"a secret title " * 10_000)
    assert (await store.get("titles/x/title.json")).data != stored
    assert [one.key async for one in sealed.list("keys/")] == []


async def test_a_segment_that_is_not_known_costs_one_read(store):
    """And a range later in a known one does, too: the origin must not pay twice for each segment."""
    counted = WrappedStore(store)
    await encrypted(store).put("media/x/1", text(NEAR_BYTES))
    reader = encrypted(counted)
    await reader.read("media/x/1", 0, 100)
    assert [call for call in counted.calls if call[0] == "read"] == [("read", "media/x/1")]
    counted.calls.clear()
    await reader.read("media/x/1", NEAR_BYTES // 2, NEAR_BYTES)
    assert counted.calls == [("read", "media/x/1")]


async def test_damage_and_exchange_are_seen(store):
    """A flipped bit, a cut, another object's ciphertext, another key."""
    sealed, data = encrypted(store), text(3 * FRAME_BYTES)
    await sealed.put("media/x/1", data)
    await sealed.put("media/x/2", data)
    good = (await store.get("media/x/1")).data
    flipped = bytearray(good)
    flipped[-1000 - FRAME_BYTES] ^= 1
    other = (await store.get("media/x/2")).data
    for changed in (bytes(flipped), good[: -FRAME_BYTES // 2], other, good[:40]):
        await store.put("media/x/1", changed)
        for asked in (sealed.read("media/x/1", 0, len(data)), encrypted(store).get("media/x/1")):
            with pytest.raises(StoreFailed) as failed:
                await asked
            assert failed.value.fault is StoreFault.DAMAGED
    with pytest.raises(StoreFailed, match="sealed value is damaged"):
        await encrypted(store, b"w").read("media/x/2", 0, 10)


async def test_an_object_that_was_replaced_is_read_anew(store):
    reader, writer = encrypted(store), encrypted(store)
    await writer.put("media/x/1", b"old content")
    assert bytes(await reader.read("media/x/1", 0, 3)) == b"old"
    await writer.put("media/x/1", b"new content")
    assert bytes(await reader.read("media/x/1", 0, 3)) == b"new"


async def test_what_was_stored_before_stays_readable(store):
    """Encryption may be turned on for a store that has titles."""
    await store.put("media/x/1", b"plain old segment")
    sealed = encrypted(store)
    assert bytes(await sealed.read("media/x/1", 6, 9)) == b"old"
    assert bytes(await sealed.read("media/x/1", 0, 17)) == b"plain old segment"
    assert (await sealed.get("media/x/1")).data == b"plain old segment"
    assert sealed.fits((await sealed.info("media/x/1")).size, 17)
    assert await checksum_object(sealed, "media/x/1", 17) == checksum(b"plain old segment")
