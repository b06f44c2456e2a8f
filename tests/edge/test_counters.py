"""The table of counters and the edge's own numbers."""

from pathlib import Path

from edge.counters import COUNTERS, MAX_TALLIES, ONE_REQUEST, Counts, RenditionTallies
from kernel.counters import by_name
from kernel.fetch_reasons import FillEnd, UpstreamReason
from tests.edge.ground import standing


def test_the_table_is_sound():
    assert len(by_name(COUNTERS)) == len(COUNTERS)


def test_refusals_and_fills_are_counted_by_their_word():
    counts = Counts()
    for _ in range(3):
        counts.count_refusal("scope")
        counts.count_fill_end(FillEnd.WHOLE)
    counts.count_fill_end(UpstreamReason.TRUNCATED)
    assert counts.refusals == {"scope": 3}
    assert counts.fills == {"whole": 3, "truncated": 1}


def test_a_tally_counts_requests_and_bytes_in_one_number():
    tallies = RenditionTallies()
    tally = tallies.tally(b"film/v720")
    tally.bytes += ONE_REQUEST + 500
    tallies.record(b"film/v720", 1500)
    tallies.record(b"film", 0)
    assert list(tallies.drain()) == [(b"film/v720", 2000, 2), (b"film", 0, 1)]
    assert tally.bytes == 0
    assert list(tallies.drain()) == []


def test_tallies_are_bounded():
    """Those that counted something since the last sweep stay."""
    tallies = RenditionTallies()
    kept, idle = tallies.tally(b"kept"), tallies.tally(b"idle")
    kept.bytes += ONE_REQUEST
    for number in range(MAX_TALLIES):
        tallies.tally(b"%d" % number)
    assert tallies.tally(b"kept") is kept
    assert tallies.tally(b"idle") is not idle


async def test_every_counter_of_the_table_has_a_number_and_no_number_lacks_one(tmp_path: Path):
    async with standing(tmp_path) as ground:
        assert set(ground.edge.metrics()) == set(by_name(COUNTERS))


async def test_requests_are_counted_once_whatever_way_they_go(tmp_path: Path):
    """A miss, hits by either way, a refusal, bytes that are no request."""
    async with standing(tmp_path, profile="media") as ground:
        for _ in range(5):
            await ground.gets("/cdn/eu/t1/v720/1.m4s")
        await ground.sends(b"GET /cdn/eu/t1/v720/1.m4s HTTP/1.1\r\nHost: h\r\n\r\n" * 4)
        await ground.gets("/nowhere")
        await ground.sends(b"nonsense\r\n\r\n")
        stats, metrics = ground.edge.stats(), ground.edge.metrics()
        assert (stats["requests"], stats["hits"], stats["misses"]) == (11, 8, 1)
        assert stats["bytes_sent"] == 9 * 5
        assert metrics["matinee_edge_requests_total"] == {"200": 9, "400": 1, "404": 1}
        assert metrics["matinee_edge_refusals_total"] == {"not-found": 1, "malformed": 1}
