"""The keys of an encrypted store, and their rotation."""

import asyncio
import base64

import pytest

from kernel.errors import BadSettings
from kernel.store_faults import StoreFault
from origin.stores.object_store import StoreFailed
from origin.stores.wrapping_keys import WrappingKeys, scope_of
from system.sealing import SealingKeys, make_key_line, read_sealing_keys


def master(*names):
    lines = {name: bytes([ord(name)]) * 32 for name in names}
    return SealingKeys(lines)


@pytest.mark.parametrize(
    ("key", "scope"),
    [
        ("media/x/v240/1.m4s", "title-x"),
        ("titles/x/title.json", "title-x"),
        ("manifests/x/1-ab.json", "title-x"),
        ("masters/abc/00001", "masters"),
        ("upkeep.json", "upkeep"),
    ],
)
def test_a_title_has_one_key(key, scope):
    assert scope_of(key) == scope


async def test_writers_at_once_make_one_key(store):
    keys = [WrappingKeys(store, master("a")) for _ in range(3)]
    made = await asyncio.gather(*(one.current("media/x/1") for one in keys))
    assert len({one.id for one in made}) == 1
    again = WrappingKeys(store, master("a"))
    assert (await again.named("media/x/2", made[0].id)).id == made[0].id
    with pytest.raises(StoreFailed, match="a key that is gone"):
        await again.named("media/y/2", made[0].id)


async def test_a_rotation_seals_the_keys_anew_and_nothing_else(store):
    """Under both keys, then only the new one is needed; what was not rewrapped names the key that is missing."""
    made = await WrappingKeys(store, master("a")).current("media/x/1")
    await WrappingKeys(store, master("a")).current("media/y/1")
    await store.put("media/x/1", b"ciphertext")
    before = await store.info("media/x/1")
    with pytest.raises(StoreFailed, match="sealed under the key 'a'") as failed:
        await WrappingKeys(store, master("b")).named("media/x/1", made.id)
    assert failed.value.fault is StoreFault.DAMAGED
    rotation = WrappingKeys(store, master("b", "a"))
    assert await rotation.rewrap() == 2
    assert await rotation.rewrap() == 0
    assert (await WrappingKeys(store, master("b")).named("media/x/1", made.id)).id == made.id
    assert await store.info("media/x/1") == before


async def test_a_program_that_was_started_before_a_rotation_goes_on_after_it(store):
    """It reads the master keys again when it meets one that it does not know; a file that is no key file is said."""
    made = await WrappingKeys(store, master("a")).current("media/x/1")
    await WrappingKeys(store, master("b", "a")).rewrap()
    loaded = []
    running = WrappingKeys(store, master("a"), lambda: loaded.append(1) or master("b", "a"))
    assert (await running.named("media/x/1", made.id)).id == made.id
    await running.named("media/x/2", made.id)
    assert loaded == [1]

    def broken():
        raise BadSettings("store_keys", "line 1 is not `name:key`")

    with pytest.raises(StoreFailed, match="line 1"):
        await WrappingKeys(store, master("c"), broken).named("media/x/1", made.id)


async def test_a_key_that_was_moved_or_damaged_does_not_open(store):
    made = await WrappingKeys(store, master("a")).current("media/x/1")
    await store.put("keys/title-y.json", (await store.get("keys/title-x.json")).data)
    with pytest.raises(StoreFailed, match="belongs to another row"):
        await WrappingKeys(store, master("a")).named("media/y/1", made.id)
    for damage in (b"{", b'{"id":"xx","key":"sealed1.a.QQ"}'):
        await store.put("keys/title-x.json", damage)
        with pytest.raises(StoreFailed, match=r"keys/title-x\.json"):
            await WrappingKeys(store, master("a")).current("media/x/1")


def test_the_key_file_is_that_of_all_services():
    keys = read_sealing_keys(make_key_line("two").decode() + make_key_line("one").decode(), "store_keys")
    assert keys.current == "two"
    assert base64
