"""Which fetch brings what, and when it goes on; the whole way is played in tests/scenario/test_slices.py."""

import pytest

from cache.entry import Entry
from cache.fills.fill import Reader
from cache.slices import slice_key
from edge.slices.content_range import Part, slice_entry
from edge.slices.slice_fetch import NextStep, SliceFetch
from edge.slices.sliced_object import MAX_UNWRITTEN_SLICES, READ_AHEAD_SLICES, SlicedObject
from kernel.errors import UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from tests.cache.workbench import Bench

K = 100
BODY = bytes(range(250)) * 4


class Reads:
    """A reader at a slice; told of what changes."""

    def __init__(self, at=0, last=9):
        self.at, self.last, self.told = at, last, []

    def on_object_changed(self):
        self.told.append("changed")


class Waits(Reader):
    """A reader of a slice's fill."""

    def __init__(self, position):
        self.position = position

    def on_bytes(self):
        pass

    on_end = on_bytes

    def on_released(self, why):
        pass

    on_failed = on_released


class Stream:
    """An exchange: paused or not, broken or not."""

    def __init__(self):
        self.paused, self.broken = False, None

    def pause(self):
        self.paused = True

    def resume(self):
        self.paused = False

    def on_broken(self, error):
        self.broken = error


class Ground:
    def __init__(self, etag=b'"a"'):
        self.bench = Bench()
        self.whole = Entry(b"/k", 200, [(b"etag", etag)] if etag else [], len(BODY))
        self.whole.slice, self.whole.mark = K, etag or b"once"
        self.bench.cache.store(self.whole, b"")
        self.begun, self.settling, self.done = [], [], False
        self.sliced = SlicedObject(
            self.whole, None, self.bench.cache, lambda s, fetch, r: self.begun.append(fetch),
            lambda s, entry: self.settling.append(entry), lambda s: setattr(self, "done", True),
        )  # fmt: skip

    def streams(self, first=0, stop=1000):
        fetch, stream = SliceFetch(self.sliced, first // K, -(-stop // K)), Stream()
        fetch.set_span(Part(first, stop, len(BODY)))
        fetch.begin_stream(stream, Part(first, stop, len(BODY)))
        self.sliced.fetches.append(fetch)
        return fetch, stream

    def keep(self, number, first=None, stop=None):
        low = number * K if first is None else first
        high = min((number + 1) * K, len(BODY)) if stop is None else stop
        self.bench.cache.store(slice_entry(self.whole, number, low, high), BODY[low:high])

    def awaits(self, fetch, number):
        """Somebody waits for a slice that a fetch will bring."""
        fetch.reserve(number).join(Waits(number * K))

    def body(self, number):
        return self.sliced.stored_slice(number).body


@pytest.fixture
def ground():
    return Ground()


def test_a_run_goes_so_far_ahead_and_no_further(ground):
    reads = Reads()
    ground.sliced.join(reads)
    fetch, stream = ground.streams()
    fetch.on_bytes(BODY)
    while ground.settling:
        ground.settling.clear()
        ground.sliced.on_slice_written(slice_entry(ground.sliced.whole, 0, 0, K))
        ground.sliced.on_slice_written(slice_entry(ground.sliced.whole, 0, 0, K))
    assert [ground.sliced.has_slice(number) for number in range(10)] == [True] * (1 + READ_AHEAD_SLICES) + [False] * (
        9 - READ_AHEAD_SLICES
    )
    assert stream.paused
    for reads.at in range(10):
        ground.sliced.unsettled = 0
        ground.sliced.on_progress()
    assert all(ground.body(number) == BODY[number * K : (number + 1) * K] for number in range(10))
    assert not stream.paused


def test_a_run_waits_for_the_tiers(ground):
    ground.sliced.join(Reads(at=1))
    fetch, stream = ground.streams()
    fetch.on_bytes(BODY)
    assert ground.sliced.unsettled == MAX_UNWRITTEN_SLICES
    assert stream.paused
    ground.sliced.on_slice_written(slice_entry(ground.sliced.whole, 0, 0, K))
    assert fetch.at == MAX_UNWRITTEN_SLICES + 1


def test_a_run_that_nobody_needs_is_cut(ground):
    reads = Reads(last=1)
    ground.sliced.join(reads)
    fetch, stream = ground.streams()
    fetch.on_bytes(BODY[: K + 10])
    ground.sliced.leave(reads)
    ground.sliced.unsettled = 0
    fetch.on_bytes(BODY[K + 10 :])
    assert fetch.closed
    assert stream.broken.reason == "no-readers"
    assert ground.done


def test_a_run_ends_where_the_next_is_there(ground):
    ground.sliced.join(Reads(last=9))
    ground.keep(5)
    fetch, _ = ground.streams(400, 1000)
    fetch.on_bytes(BODY[400:])
    assert (fetch.closed, fetch.at) == (True, 5)


def test_a_stream_of_the_whole_passes_over_what_is_there(ground):
    ground.sliced.join(Reads(at=9))
    ground.keep(1)
    kept = ground.sliced.stored_slice(1)
    fetch, _ = ground.streams()
    ground.awaits(fetch, 9)
    for at in range(0, len(BODY), 30):
        ground.sliced.unsettled = 0
        fetch.on_bytes(BODY[at : at + 30])
    assert ground.sliced.stored_slice(1) is kept
    assert ground.body(9) == BODY[900:]


def test_who_asks_waits_for_a_run_that_comes_by_or_begins_one(ground):
    fetch, _ = ground.streams()
    near, far = ground.sliced.get_or_start_fill(2, {}, 9), ground.sliced.get_or_start_fill(8, {}, 9)
    assert fetch.reserved == {2: near}
    assert [(one.at, one.stop, one.range_header) for one in ground.begun] == [(8, 10, b"bytes=800-999")]
    assert ground.sliced.get_or_start_fill(8, {}, 9) is far
    ground.keep(5)
    ground.sliced.get_or_start_fill(4, {}, 9)
    assert len(ground.begun) == 1, "it comes by"
    assert ground.sliced.get_or_start_fill(6, {}, 9) is not None
    assert ground.begun[-1].range_header == b"bytes=600-799"


def test_only_a_strong_etag_lets_parts_be_fetched(ground):
    weak = Ground(etag=None)
    assert weak.sliced.get_or_start_fill(3, {}, 9) is None
    assert not weak.sliced.can_obtain(300, 400)
    weak.keep(3)
    assert weak.sliced.can_obtain(300, 400)
    assert ground.sliced.can_obtain(300, 400)


def test_a_piece_of_a_slice_serves_what_it_holds_and_is_made_whole(ground):
    ground.keep(2, 200, 240)
    ground.keep(3, 350, 400)
    sliced = ground.sliced
    assert [sliced.is_stored(*span) for span in ((200, 240), (200, 241), (350, 400), (340, 400))] == [
        True, False, True, False
    ]  # fmt: skip
    sliced.get_or_start_fill(2, {}, 2)
    sliced.get_or_start_fill(3, {}, 9)
    assert [fetch.range_header for fetch in ground.begun] == [b"bytes=240-299", b"bytes=300-349"]
    for fetch, (first, stop) in zip(ground.begun, ((240, 300), (300, 350)), strict=True):
        fetch.begin_stream(Stream(), Part(first, stop, len(BODY)))
        fetch.on_bytes(BODY[first:stop])
    assert (ground.body(2), ground.body(3)) == (BODY[200:300], BODY[300:400])


def test_around_a_piece_a_stream_of_the_whole_is_taken_as_it_is(ground):
    ground.keep(0, 50, 100)
    ground.sliced.join(Reads(last=0))
    ground.sliced.get_or_start_fill(0, {}, 0)
    (fetch,) = ground.begun
    assert fetch.range_header == b"bytes=0-49"
    fetch.set_span(Part(0, len(BODY), len(BODY)))
    fetch.begin_stream(Stream(), Part(0, len(BODY), len(BODY)))
    fetch.on_bytes(BODY)
    assert ground.body(0) == BODY[:100]


def test_a_stream_that_breaks_tells_those_who_wait(ground):
    fill = ground.sliced.get_or_start_fill(3, {}, 9)
    ground.begun[0].close(UpstreamFailed(UpstreamReason.TRUNCATED))
    assert (fill.error.reason, ground.sliced.fills, ground.sliced.fetches) == ("truncated", {}, [])


def test_of_another_version_nothing_is_stored_and_everybody_is_told(ground):
    reads = Reads()
    ground.sliced.join(reads)
    fetch, _ = ground.streams()
    ground.sliced.on_changed()
    fetch.on_bytes(BODY[:K])
    assert reads.told == ["changed"]
    assert not ground.bench.cache.stored(slice_key(b"/k", 0))
    assert ground.sliced.next_step(fetch) is not NextStep.STOP


def test_a_stream_does_not_run_away_from_who_is_behind_for_who_is_beyond(ground):
    """Seen: an origin without ranges was asked for 2 GB, since each stream for a slow reader ran on to a fast one."""
    ground.sliced.join(Reads(at=1))
    ground.sliced.join(Reads(at=8))
    fetch, stream = ground.streams()
    fetch.on_bytes(BODY)
    for _ in range(10):
        ground.sliced.unsettled = 0
        ground.sliced.on_progress()
    assert (fetch.at, stream.paused) == (1 + READ_AHEAD_SLICES + 1, True)


def test_what_a_run_brought_last_stays_though_another_brings_more(ground):
    ground.sliced.cache.store = lambda entry, body: False
    ground.sliced.join(Reads(at=0))
    ground.sliced.join(Reads(at=6))
    slow, _ = ground.streams(0, 300)
    fast, _ = ground.streams(600, 1000)
    slow.on_bytes(BODY[:250])
    fast.on_bytes(BODY[600:])
    assert [ground.sliced.recent_slice(number) for number in (0, 1)] == [BODY[:K], BODY[K : 2 * K]]
    assert ground.sliced.can_obtain(0, 2 * K)


def test_a_stream_passes_over_what_nobody_reads_where_it_would_not_stay(ground):
    ground.sliced.total = ground.whole.length = ground.bench.cache.max_sliced_bytes + 1
    fetch, _ = ground.streams()
    ground.awaits(fetch, 3)
    fetch.on_bytes(BODY[:350])
    assert fetch.at == 3
    assert not ground.sliced.has_slice(0)


def test_what_a_purge_has_made_pass_on_is_not_for_newcomers(ground):
    """Seen: a newcomer read from the middle what had been let go behind those who were there."""
    ground.sliced.join(Reads(at=0))
    fetch, _ = ground.streams()
    first = ground.sliced.get_or_start_fill(0, {}, 0)
    reader = Waits(0)
    first.join(reader)
    fetch.on_bytes(BODY[:60])
    first.purge()
    reader.position = 60
    first.on_reader_advanced()
    assert first.read(0, 10) is None
    assert ground.sliced.get_or_start_fill(0, {}, 0) is not first
    assert [one.at for one in ground.begun] == [0]
