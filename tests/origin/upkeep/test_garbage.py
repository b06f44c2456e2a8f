"""Garbage goes, and nothing else."""

import hashlib
import os

import msgspec
import pytest

from origin.storage.library import Library
from origin.storage.masters import Masters
from origin.storage.publishing import Publisher
from origin.storage.records import Publication, PublicationRef
from origin.upkeep.garbage import Collector, GarbagePolicy, still_kept
from tests.doubles.object_store import files_of

DAY = 86400.0
NOW = 1_795_000_000.0
"""In November 2026; the files of a test are younger, unless it says otherwise."""
FOREVER = 1e12


def age(folder, key, seconds, now):
    os.utime(folder / key, (now - seconds, now - seconds))


@pytest.fixture
def collect(stores):
    async def run(now, *, grace=DAY, superseded=7 * DAY, masters=0.0, is_dry=False):
        return await Collector(stores, GarbagePolicy(grace, superseded, masters), now, is_dry=is_dry).collect()

    return run


async def test_a_superseded_publication_goes_after_its_time(stores, publish, collect, tmp_path):
    """First out of the record, its objects at the next run; the current one stays whole in every copy."""
    library = Library(stores.store)
    await publish(library, "x", 1, {"v240/1.m4s": b"one"}, {"master.m3u8": b"a"})
    title = await publish(library, "x", 2, {"v240-2/1.m4s": b"two"}, {"master.m3u8": b"b"})
    report = await collect(1_793_600_000.0)  # 2026-11-02: not long enough after 2026-11-02T10:00:00Z
    assert (report.publications, report.objects) == (0, 0)
    dry = await collect(FOREVER, is_dry=True)
    assert dry.publications == 1
    assert await library.title("x") == title
    assert (await collect(FOREVER)).publications == 1
    title = await library.title("x")
    assert [ref.number for ref in title.publications] == [2]
    assert any("/publication-1-" in key for key in files_of(tmp_path / "hot"))
    assert (await collect(FOREVER, is_dry=True)).objects == 3
    assert (await collect(FOREVER)).objects == 3
    for copy in ("hot", "replica"):
        assert not any("/publication-1-" in key for key in files_of(tmp_path / copy))
    assert await library.is_whole(title)
    assert await library.title("x") == title
    assert (await collect(FOREVER)).objects == 0


async def test_segments_that_a_later_publication_plays_stay(stores, publish, collect):
    """One of new top files alone lists the segments of the one before."""
    library = Library(stores.store)
    first = await publish(library, "x", 1, {"v240/1.m4s": b"one"}, {"master.m3u8": b"a"})
    second = msgspec.structs.replace(first, version=2, published="2026-11-02T10:00:00Z")
    await Publisher(library).publish(second, None, {"master.m3u8": b"b"})
    for _ in range(2):
        await collect(FOREVER)
    title = await library.title("x")
    assert [ref.number for ref in title.publications] == [2]
    assert await library.is_whole(title)
    [segment] = (await library.current(title)).files
    assert bytes(await stores.store.read(segment.key, 0, 3)) == b"one"


async def test_what_was_never_published_goes_even_of_unknown_titles(stores, collect, tmp_path):
    """Objects, manifests, unfinished files; of a title that is being published nothing."""
    for key in ("media/never/publication-1-ab/v240/1.m4s", "manifests/other/1-cd.json", "media/young/v240/1.m4s"):
        await stores.store.put(key, b'{"number":1,"published":"","files":[],"tops":[]}')
        for copy in ("hot", "replica"):
            age(tmp_path / copy, key, 0 if "young" in key else 2 * DAY, NOW)
    (tmp_path / "hot/media/young/v240/2.m4s#1").write_bytes(b"half")
    age(tmp_path / "hot", "media/young/v240/2.m4s#1", 2 * DAY, NOW)
    report = await collect(NOW)
    assert (report.objects, report.unfinished) == (2, 1)
    assert files_of(tmp_path / "hot") == files_of(tmp_path / "replica") == {"media/young/v240/1.m4s"}


async def test_a_title_that_cannot_be_read_is_left_alone(stores, publish, collect, tmp_path):
    """Whatever its record names may be published."""
    await publish(Library(stores.store), "x", 1, {"v240/1.m4s": b"one"}, {"master.m3u8": b"a"})
    for copy in ("hot", "replica"):
        (tmp_path / copy / "titles/x/title.json").write_bytes(b"{")
    await stores.store.put("media/y/v240/1.m4s", b"stray")
    before = files_of(tmp_path / "hot")
    report = await collect(FOREVER)
    assert (report.skipped, report.objects) == (1, 1)
    assert files_of(tmp_path / "hot") == before - {"media/y/v240/1.m4s"}


async def test_masters_by_their_retention(stores, collect, tmp_path):
    """Kept for ever by default; what a given-up upload left goes after the grace period."""
    (tmp_path / "film").write_bytes(b"film")
    sha256 = hashlib.sha256(b"film").hexdigest()
    masters = Masters(stores.store)
    await masters.keep(tmp_path / "film", sha256, "film", "2026-11-30T10:00:00Z")
    await stores.store.put("masters/half/00000-ab", b"part")
    now = (await stores.store.info("masters/half/00000-ab")).modified
    assert (await collect(now + DAY / 2)).masters == 0
    assert (await collect(now + 1000 * DAY)).masters == 1
    assert await masters.listed() == (sha256,)
    assert (await collect(now + 8 * DAY, masters=10 * DAY)).masters == 0
    assert (await collect(now + 11 * DAY, masters=10 * DAY, is_dry=True)).masters == 1
    assert (await collect(now + 11 * DAY, masters=10 * DAY)).masters == 1
    assert await masters.listed() == ()
    assert await masters.find(sha256) is None


async def test_a_master_that_cannot_be_read_is_left_alone(stores, collect):
    """The masters after it still expire."""
    await stores.store.put("masters/00/master.json", b"{")
    await stores.store.put("masters/half/00000-ab", b"part")
    report = await collect(FOREVER, masters=DAY)
    assert (report.masters, report.skipped) == (1, 1)
    assert await Masters(stores.store).listed() == ("00",)


def test_an_older_store_keeps_what_its_next_publication_plays():
    """Its publication of top files alone names no segments."""
    refs = tuple(PublicationRef(number, "", "") for number in (1, 2, 3))
    files, other = (("a", 1, "d"),), (("b", 1, "e"),)
    made = [
        Publication(1, "2026-01-01T00:00:00Z", files, ()),
        Publication(2, "2026-01-02T00:00:00Z", files, ()),
        Publication(3, "2026-01-03T00:00:00Z", other, ()),
    ]
    assert still_kept(refs, made, FOREVER) == refs[2:]
    assert still_kept(refs[:2], made[:2], FOREVER) == refs[:2]
    assert still_kept(refs, made, 0.0) == refs
    assert still_kept(refs[:1], made[:1], FOREVER) == refs[:1]
