"""Puts of files with the checksum of what was sent."""

import hashlib

import pytest

from kernel.errors import StorageFailed
from kernel.store_faults import StoreFault
from origin.stores.object_store import StoreFailed
from origin.stores.uploads import WHOLE_BYTES, check_size, checksum_file, checksum_object, put_file


@pytest.mark.parametrize("size", [0, 1000, WHOLE_BYTES, WHOLE_BYTES + 1, 2 * WHOLE_BYTES + 7])
async def test_a_file_arrives_as_it_is(store, tmp_path, size):
    """Small ones in one request, large ones in parts; the checksum is that of the file."""
    file = tmp_path / "file"
    file.write_bytes((b"0123456789abcdef" * (size // 16 + 1))[:size])
    sent = await put_file(store, "x", file)
    assert sent == await checksum_file(file) == (size, hashlib.sha256(file.read_bytes()).hexdigest())
    assert (await store.info("x")).size == size
    assert await checksum_object(store, "x", size) == sent


async def test_a_file_that_cannot_be_read(store, tmp_path):
    with pytest.raises(StorageFailed, match="none cannot be read"):
        await put_file(store, "x", tmp_path / "none")
    with pytest.raises(StorageFailed, match="none cannot be read"):
        await checksum_file(tmp_path / "none")


async def test_an_object_that_arrived_short_is_damage(store):
    await store.put("x", b"1234")
    with pytest.raises(StoreFailed, match="5 bytes were sent, 4 bytes arrived") as failed:
        await check_size(store, "x", 5)
    assert failed.value.fault is StoreFault.DAMAGED
    with pytest.raises(StoreFailed, match="nothing arrived"):
        await check_size(store, "y", 5)
