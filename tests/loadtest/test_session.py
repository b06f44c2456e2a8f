from loadtest.session import (
    MAX_STALLS,
    RequestKey,
    RequestKind,
    RequestTotals,
    SessionRecord,
    Stall,
    Tier,
    Viewer,
)

VIEWER = Viewer(1, "http://cdn.example/master.m3u8")
HIT = RequestKey(RequestKind.SEGMENT, 200, Tier.EDGE, "e1")


def test_ratios_are_of_sums():
    record = SessionRecord(VIEWER, played_s=90, rungs_s={1_000_000: 30.0, 4_000_000: 60.0})
    for at in (10.0, 50.0):
        record.add_stall(Stall(at, 5.0))
    assert record.rebuffer_ratio == 0.1
    assert record.bitrate_mean_bps == 3_000_000


def test_a_session_that_never_started_has_no_ratio():
    record = SessionRecord(VIEWER)
    assert record.rebuffer_ratio == record.bitrate_mean_bps == 0.0


def test_memory_does_not_grow_with_stalls_and_requests():
    record = SessionRecord(VIEWER)
    for number in range(10_000):
        record.add_stall(Stall(number, 0.5))
        record.add_request(HIT, 1000, 0.01, 0.02)
    assert len(record.stalls) == MAX_STALLS
    assert (record.stall_count, record.stalled_s) == (10_000, 5_000)
    assert list(record.requests) == [HIT]
    assert record.requests[HIT].bytes == 10_000_000


def test_a_request_without_an_answer_has_no_time_to_first_byte():
    record = SessionRecord(VIEWER)
    record.add_request(HIT, 0, None, 5.0)
    assert record.requests[HIT].ttfb_s.count == 0
    total = RequestTotals()
    total.merge(record.requests[HIT])
    assert (total.count, total.total_s.count) == (1, 1)
