"""The scrubber finds every kind of damage, and repairs what a good copy can repair."""

import contextlib
import dataclasses

import pytest

from origin.storage.library import Library
from origin.storage.masters import Masters
from origin.stores.encrypted_store import EncryptedStore
from origin.stores.folder import open_folder
from origin.stores.object_store import StoreFailed
from origin.stores.open_store import Stores
from origin.stores.replicated_store import ReplicatedStore
from origin.stores.wrapping_keys import WrappingKeys
from origin.upkeep.scrubber import Scrubber
from system.sealing import SealingKeys
from tests.doubles.object_store import FaultyStore, files_of


def scrubber(stores, **more):
    return Scrubber(stores, lambda: 0.0, **more)


@pytest.fixture
async def title(stores, publish):
    files = {"v240/1.m4s": b"one", "v240/2.m4s": b"two two", "v240/empty.m4s": b""}
    return await publish(Library(stores.store), "x", 1, files, {"master.m3u8": b"top"})


async def key_of(stores, title, path):
    made = await Library(stores.store).current(title)
    return next(record.key for record in made.objects() if record.path == path)


async def test_a_good_store_is_clean(stores, title):
    report = await scrubber(stores).scrub()
    assert report.is_clean
    assert (report.titles, report.objects, report.bytes, report.findings) == (1, 4, 13, [])


@pytest.mark.parametrize("copy", ["hot", "replica"])
@pytest.mark.parametrize("damage", ["flip", "cut", "delete"])
async def test_a_damaged_copy_is_repaired_from_the_other(stores, title, tmp_path, copy, damage):
    """A flipped bit of the same length, too: only the checksum shows it."""
    key = await key_of(stores, title, "v240/2.m4s")
    file = tmp_path / copy / key
    {"flip": lambda: file.write_bytes(b"two twO"), "cut": lambda: file.write_bytes(b"two"), "delete": file.unlink}[
        damage
    ]()
    dry = await scrubber(stores, repairs=False).scrub()
    assert not dry.is_clean
    assert dry.repaired == 0
    report = await scrubber(stores).scrub()
    assert report.is_clean
    assert (report.damaged + report.missing, report.repaired, report.lost) == (1, 1, 0)
    assert key in report.findings[0]
    assert file.read_bytes() == b"two two"
    assert (await scrubber(stores).scrub()).findings == []


async def test_records_are_repaired_too(stores, title, tmp_path):
    """A record that cannot be decoded, one that is missing, and one of the replica that lags."""
    [record] = [key for key in files_of(tmp_path / "hot") if key.startswith("titles/")]
    [manifest] = [key for key in files_of(tmp_path / "hot") if key.startswith("manifests/")]
    (tmp_path / "hot" / record).write_bytes(b"{")
    (tmp_path / "hot" / manifest).unlink()
    assert (await scrubber(stores).scrub()).repaired == 2
    assert await Library(stores.hot).title("x") == title
    await stores.replica.put(record, (await stores.hot.get(record)).data.replace(b'"T"', b'"Old"'))
    assert (await scrubber(stores).scrub()).repaired == 1
    assert await Library(stores.replica).title("x") == title
    assert (await scrubber(stores).scrub()).findings == []


async def test_an_empty_disk_in_place_of_the_first_copy_is_filled_again(stores, title, tmp_path):
    """All titles come back, and all masters."""
    (tmp_path / "film").write_bytes(b"film")
    sha256 = "9d5f1e6d5ad9e6f3d5a2a8c9f1c2f35e" * 2
    import hashlib

    sha256 = hashlib.sha256(b"film").hexdigest()
    await Masters(stores.store).keep(tmp_path / "film", sha256, "film", "2026-11-30T10:00:00Z")
    before = files_of(tmp_path / "hot") - {"mark.json"}
    await stores.hot.delete(before)
    report = await scrubber(stores).scrub()
    assert report.is_clean
    assert files_of(tmp_path / "hot") - {"mark.json"} == before


async def test_a_publisher_killed_between_the_copies_fills_both(stores, publish):
    """The next attempt sends what one copy lacks: there is nothing to repair."""

    class Killed(BaseException):
        pass

    library, files = Library(stores.store), {f"v240/{number}.m4s": b"segment" for number in range(4)}
    for at in range(8):
        broken = FaultyStore(stores.replica, at, Killed())
        with contextlib.suppress(Killed, StoreFailed):  # one may have been killed after it won
            await publish(Library(ReplicatedStore(stores.hot, broken, lambda: 0.0)), "x", 1, files, {})
    with contextlib.suppress(StoreFailed):
        await publish(library, "x", 1, files, {})
    report = await scrubber(stores).scrub()
    assert (report.objects, [one for one in report.findings if "media/" in one]) == (4, [])


async def test_a_copy_that_lost_its_key_is_written_anew(tmp_path, publish):
    """Each copy of an encrypted store has keys of its own."""

    def opened():
        made = [open_folder(tmp_path / name) for name in ("hot", "replica")]
        hot, replica = (EncryptedStore(one, WrappingKeys(one, SealingKeys({"k": b"k" * 32}))) for one in made)
        return Stores(ReplicatedStore(hot, replica, lambda: 0.0), hot, replica)

    title = await publish(Library(opened().store), "x", 1, {"v240/1.m4s": b"one"}, {"master.m3u8": b"top"})
    (tmp_path / "hot/keys/title-x.json").unlink()
    report = await scrubber(opened()).scrub()
    assert (report.is_clean, report.damaged, report.lost) == (True, 4, 0)
    assert await Library(opened().hot).title("x") == title
    assert (await scrubber(opened()).scrub()).findings == []


async def test_what_no_copy_has_is_lost_and_said(stores, title, tmp_path):
    key = await key_of(stores, title, "v240/1.m4s")
    for copy in ("hot", "replica"):
        (tmp_path / copy / key).write_bytes(b"bad")
    report = await scrubber(stores).scrub()
    assert (report.lost, report.repaired, report.is_clean) == (1, 0, False)
    assert f"{key} is lost: damaged in the store, missing in the cold store, damaged in the replica" in report.findings
    assert (tmp_path / "hot" / key).read_bytes() == b"bad", "nothing is made of nothing"


async def test_a_copy_that_does_not_answer_is_neither_good_nor_lost(stores, title):
    """And nothing is written because of it."""
    stores.replica.down = True
    report = await scrubber(stores).scrub()
    assert (report.lost, report.damaged, report.missing, report.is_clean) == (0, 0, 0, False)
    assert report.unchecked > 0


async def test_a_cold_object_needs_no_hot_copy(stores, title, tmp_path):
    key = await key_of(stores, title, "v240/2.m4s")
    await stores.cold.put(key, b"two two")
    await stores.hot.delete([key])
    assert (await scrubber(stores).scrub()).findings == []
    (tmp_path / "cold" / key).write_bytes(b"two twO")
    report = await scrubber(stores).scrub()
    assert report.is_clean
    assert report.repaired == 2
    assert (await stores.cold.get(key)).data == (await stores.hot.get(key)).data == b"two two"


async def test_one_store_alone_is_verified(stores, title, tmp_path):
    """There is nothing to repair from: it is said."""
    alone = Stores(stores.hot, stores.hot)
    assert (await scrubber(alone).scrub()).is_clean
    key = await key_of(stores, title, "master.m3u8")
    (tmp_path / "hot" / key).write_bytes(b"tip")
    assert (await scrubber(alone).scrub()).lost == 1


async def test_a_title_without_a_readable_record_stops_nobody(stores, title, publish, tmp_path):
    for store in (stores.hot, stores.replica):
        await store.put("titles/a/title.json", b"{")
    report = await scrubber(stores).scrub()
    assert report.lost == 1
    assert report.objects == 4
    assert dataclasses.asdict(report)["titles"] == 2


async def test_it_goes_on_after_a_title(stores, title, publish):
    await publish(Library(stores.store), "y", 1, {}, {"master.m3u8": b"top"})
    seen = []
    await scrubber(stores).scrub("x", seen.append)
    assert seen == ["y"]
