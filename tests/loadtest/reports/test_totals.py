"""The sum of sessions."""

import pytest

from loadtest.population.audience import NETWORKS
from loadtest.reports.timeline import Timeline
from loadtest.reports.totals import MAX_GROUPS, Totals, is_failed, pack, unpack
from loadtest.session import EndReason, Failure, RequestKey, RequestKind, SessionRecord, Stall, Tier, Viewer

OK = RequestKey(RequestKind.SEGMENT, 200, Tier.EDGE, "e1")
MISSED = RequestKey(RequestKind.SEGMENT, 200, Tier.ORIGIN, "e1")
CUT = RequestKey(RequestKind.SEGMENT, Failure.CONNECT, Tier.UNKNOWN, "e2")
GONE = RequestKey(RequestKind.MANIFEST, 404, Tier.EDGE, "e1")


def record(number=1, played=10.0, stalls=(), startup=0.5, **more):
    found = SessionRecord(Viewer(number, "t", country="DE", network=NETWORKS["dsl"]), startup_s=startup, **more)
    found.played_s = played
    found.rungs_s = {2_000_000: played}
    for stall in stalls:
        found.add_stall(stall)
    for key in (OK, OK, MISSED, CUT, GONE):
        found.add_request(key, 1000, 0.01, 0.02)
    return found


def totals_of(*records):
    totals = Totals(Timeline(60.0))
    for each in records:
        totals.count_session(each)
    return totals


def test_the_mean_rebuffer_ratio_is_a_ratio_of_sums_and_not_a_mean_of_ratios():
    totals = totals_of(record(played=90.0), record(played=1.0, stalls=[Stall(1, 9.0)]))
    assert totals.quality.rebuffer_ratio_mean == pytest.approx(9 / 100)
    assert totals.quality.rebuffer_ratio.percentile(1.0) == pytest.approx(0.9, rel=0.03)


def test_the_bitrate_is_weighted_by_time_on_screen():
    one, other = record(played=30.0), record(played=10.0)
    other.rungs_s = {6_000_000: 10.0}
    assert totals_of(one, other).quality.bitrate_mean_bps == 3_000_000


def test_the_longest_stall_is_of_one_stall_and_not_of_their_sum():
    totals = totals_of(record(stalls=[Stall(1, 1.5), Stall(4, 1.0)]), record())
    assert totals.quality.longest_stall_s.max == 1.5
    assert totals.quality.stalls == 2


def test_sessions_that_never_started_count_as_players_and_have_no_quality():
    quality = totals_of(record(played=0.0, startup=None, end=EndReason.START_FAILED), record()).quality
    assert (quality.players, quality.started) == (2, 1)
    assert quality.startup_s.count == 1
    assert quality.share_ended(EndReason.START_FAILED) == 0.5


def test_a_session_whose_start_was_interrupted_by_a_seek_has_quality_and_no_startup_time():
    quality = totals_of(record(startup=None)).quality
    assert (quality.started, quality.startup_s.count, quality.rebuffer_ratio.count) == (1, 0, 1)


def test_requests_are_summed_by_tier_node_and_failure():
    totals = totals_of(record(), record(2))
    assert totals.requests_where().count == 10
    assert totals.requests_where(tier=Tier.ORIGIN).count == 2
    assert totals.requests_where(node="e1").bytes == 8000
    assert totals.requests_where(failed=True).count == 4, "refused connections and 404"
    assert list(totals.nodes()) == [("e1", Tier.EDGE), ("e1", Tier.ORIGIN), ("e2", Tier.UNKNOWN)]


@pytest.mark.parametrize(
    ("kind", "outcome", "failed"),
    [
        (RequestKind.SEGMENT, 404, True),
        (RequestKind.SEGMENT, 206, False),
        (RequestKind.HEARTBEAT, 404, False),
        (RequestKind.EVENTS, 503, True),
        (RequestKind.EVENTS, Failure.TIMEOUT, True),
    ],
)
def test_an_endpoint_that_a_platform_need_not_offer_is_no_failure(kind, outcome, failed):
    assert is_failed(RequestKey(kind, outcome, Tier.UNKNOWN, "g")) == failed


def test_quality_is_kept_by_network_device_and_country():
    groups = totals_of(record(), record(2)).groups
    assert groups["network"]["dsl"].players == 2
    assert groups["country"]["DE"].players == 2


def test_groups_are_bounded():
    totals = Totals(Timeline(60.0))
    for number in range(MAX_GROUPS + 30):
        totals.count_session(SessionRecord(Viewer(number, "t", country=f"{number:02}")))
    assert len(totals.groups["country"]) == MAX_GROUPS + 1
    assert totals.groups["country"]["other"].players == 30


def test_the_totals_of_two_workers_are_those_of_one():
    both = totals_of(record(1, stalls=[Stall(2, 3)]), record(2, played=5.0))
    one, other = totals_of(record(1, stalls=[Stall(2, 3)])), totals_of(record(2, played=5.0))
    one.merge(unpack(pack(other)))
    assert one == both
