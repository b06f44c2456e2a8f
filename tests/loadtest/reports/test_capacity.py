"""CPU a gigabyte and the like, from a run."""

import pytest

from loadtest.nodes.series import Node, NodeRole, Sample, Series
from loadtest.reports.capacity import capacity_figures, fit_line, predict_cores
from loadtest.reports.timeline import Timeline
from loadtest.reports.totals import Totals
from loadtest.session import RequestKey, RequestKind, SessionRecord, Tier, Viewer


def test_a_line_is_found_through_points_on_it():
    fit = fit_line([1, 2, 3, 10], [5 + 2 * x for x in (1, 2, 3, 10)])
    assert fit.at_zero == pytest.approx(5)
    assert fit.slope == pytest.approx(2)


@pytest.mark.parametrize(
    ("xs", "ys", "fit"),
    [
        ([2, 2, 2], [6, 6, 6], (0, 3)),
        ([], [], (0, 0)),
        ([0, 0], [1, 3], (2, 0)),
        ([1, 2, 3], [9, 5, 1], (0, 2.5)),
        ([1, 2, 3], [1, 5, 9], (0, 2.5)),
    ],
)
def test_where_no_sound_line_is_the_bytes_bear_everything(xs, ys, fit):
    assert tuple(fit_line(xs, ys)) == pytest.approx(fit)


def watched(role, idle=0.02, per_gb=0.3, name="e1", seconds=100):
    """A node that sends more and more, and grows by 20 kB for each connection."""
    series, sent, cpu = Series(Node(name, role), 100.0), 0.0, 0.0
    for at_s in range(seconds + 1):
        memory = {"connections": at_s, "anon_bytes": 50e6 + at_s * 20e3, "socket_bytes": at_s * 5e3}
        series.add_sample(Sample(at_s, at_s, cpu_s=cpu, bytes_sent=sent, bytes_filled=sent / 10, **memory))
        sent, cpu = sent + at_s * 1e7, cpu + idle + per_gb * at_s * 1e7 / 1e9
    return series


def played(starts=4):
    totals = Totals(Timeline(100.0))
    record = SessionRecord(Viewer(1, "t"), startup_s=1.0, played_s=50.0)
    record.rungs_s = {4_000_000: 50.0}
    for _ in range(starts):
        record.add_request(RequestKey(RequestKind.START, 200, Tier.UNKNOWN, "g"), 0, 0.1, 0.1)
    record.add_request(RequestKey(RequestKind.SEGMENT, 200, Tier.EDGE, "e1"), 27_500_000, 0.1, 0.1)
    totals.count_session(record)
    return totals


def test_idle_cpu_and_cpu_for_bytes_are_told_apart():
    edge = capacity_figures([watched(NodeRole.EDGE)], played(), 100.0)["edge"]
    assert edge["cpuSecondsPerGB"] == pytest.approx(0.3, rel=0.01)
    assert edge["idleCores"] == pytest.approx(0.02, rel=0.05)
    assert edge["memoryBytesPerConnection"] == 20_000
    assert edge["kernelBytesPerConnection"] == 5_000
    assert edge["byteHitRatio"] == pytest.approx(0.9)
    assert predict_cores(edge, 2, 1.0) == pytest.approx(0.34, rel=0.02)


def test_players_give_streams_bitrate_and_overhead():
    players = capacity_figures([], played(), 100.0)["players"]
    assert players.pop("connectionsPerStream") is None
    assert players == {"meanStreams": 0.5, "bitrateMean": 4_000_000, "deliveryOverhead": 1.1}


def test_connections_are_told_by_streams_at_the_peak():
    totals = Totals(Timeline(100.0))
    for number in range(50):
        record = SessionRecord(Viewer(number, "t", arrival_s=10.0), startup_s=1.0, played_s=80.0)
        totals.count_session(record)
    players = capacity_figures([watched(NodeRole.EDGE)], totals, 100.0)["players"]
    assert players["connectionsPerStream"] == pytest.approx(2.0, rel=0.01)


def test_services_are_counted_by_session_starts():
    services = Series(Node("s", NodeRole.SERVICES), 100.0)
    for at_s, cpu in ((0, 1.0), (100, 1.2)):
        services.add_sample(Sample(at_s, cpu_s=cpu))
    assert capacity_figures([services], played(starts=4), 100.0)["services"]["cpuSecondsPerStart"] == pytest.approx(
        0.05
    )


def test_what_was_not_watched_is_left_out():
    assert set(capacity_figures([watched(NodeRole.EDGE)], played(), 100.0)) == {"edge", "players"}
