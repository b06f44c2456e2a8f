"""The report: fixed fields, figures of the nodes, warnings."""

import json

import pytest

from loadtest.nodes.series import Node, NodeRole, Sample, Series
from loadtest.reports.metrics import METRICS, value_of
from loadtest.reports.report import Generator, RunFacts, build_report
from loadtest.reports.timeline import PARTS, Timeline
from loadtest.reports.totals import Totals
from loadtest.session import RequestKey, RequestKind, SessionRecord, Stall, Tier, Viewer


def facts(cpu=0.3, **more):
    return RunFacts("premiere", "s.", "http://t", 60.0, 1.0, 1, Generator(cpu), **more)


def totals(sessions=4):
    found = Totals(Timeline(60.0))
    for number in range(sessions):
        record = SessionRecord(Viewer(number, "t", arrival_s=number), startup_s=0.25, played_s=30.0)
        record.rungs_s = {3_000_000: 30.0}
        record.add_stall(Stall(3.0, 0.3))
        record.add_request(RequestKey(RequestKind.SEGMENT, 200, Tier.EDGE, "e1"), 10_000, 0.02, 0.1)
        record.add_request(RequestKey(RequestKind.SEGMENT, 503, Tier.SHIELD, "e1"), 0, 0.02, 0.1)
        found.count_session(record)
    return found


def series(name, role, *samples):
    found = Series(Node(name, role), 60.0)
    for sample in samples:
        found.add_sample(sample)
    return found


def test_the_fixed_fields_are_there_and_the_whole_is_json():
    report = json.loads(json.dumps(build_report(facts(), totals())))
    assert report["players"] == 4
    assert set(report["startupMs"]) >= {"p50", "p95", "p99"}
    assert report["startupMs"]["p50"] == pytest.approx(250, rel=0.03)
    assert report["rebufferRatio"]["mean"] == pytest.approx(0.3 / 30.3, rel=1e-3)
    assert report["bitrateMean"] == 3_000_000
    assert report["switchesMean"] == 0
    assert (report["errors"], report["requests"], report["bytes"]) == (0, 8, 40_000)
    assert report["generatorCpuShare"] == 0.3
    assert report["expectations"] == []


def test_every_metric_that_sessions_alone_give_is_in_the_report():
    report = build_report(facts(objects=7), totals())
    missing = {metric.name for metric in METRICS if value_of(report, metric) is None}
    assert missing == {"originRequests", "originBodies", "originOffload", "edgeCpuSeconds"}


def test_the_nodes_counters_beat_what_responses_say():
    edge = series(
        "e1", NodeRole.EDGE, Sample(0, hits=5, misses=5, cpu_s=1.0), Sample(60, hits=95, misses=15, cpu_s=1.5)
    )
    shield = series("s", NodeRole.SHIELD, Sample(0, fills=3, bytes_filled=0), Sample(60, fills=9, bytes_filled=4000))
    report = build_report(facts(), totals(), [edge, shield])
    assert report["hitRatio"] == pytest.approx(0.9)
    assert report["originRequests"] == 6
    assert report["originOffload"] == pytest.approx(0.9)
    assert report["edgeCpuSeconds"] == 0.5
    assert build_report(facts(), totals())["hitRatio"] == 0.5, "by Cache-Status"


def test_bodies_of_the_origin_are_those_sent_to_caches():
    """It counts each of the three looks after it has happened: two of them are in the rise."""
    origin = series(
        "o", NodeRole.ORIGIN, *(Sample(at_s, bodies=bodies, cpu_s=at_s) for at_s, bodies in ((0, 5), (30, 8), (60, 17)))
    )
    assert build_report(facts(), totals(), [origin])["originBodies"] == 10


def test_failures_are_told_by_node_and_outcome():
    rows = {(row["node"], row["tier"]): row for row in build_report(facts(), totals())["byNode"]}
    assert rows["e1", "shield"]["failed"] == 4
    assert rows["e1", "shield"]["outcomes"] == {"503": 4}
    assert rows["e1", "edge"]["failed"] == 0


def test_a_run_without_a_session_has_a_report_and_says_so():
    report = build_report(facts(), Totals(Timeline(60.0)))
    assert report["rebufferRatio"]["p95"] == 0
    assert "No player was played." in report["warnings"]


def test_a_generator_that_was_the_bottleneck_is_told():
    assert build_report(facts(0.5), totals())["warnings"] == []
    (warning,) = build_report(facts(0.97), totals())["warnings"]
    assert "97%" in warning
    late = totals()
    for _ in range(100):
        late.pacing_error.record(0.05)
    (warning,) = build_report(facts(0.5), late)["warnings"]
    assert "too busy to pace" in warning


def test_a_failed_action_is_told():
    actions = [{"name": "edge-dies", "atSeconds": 3.0, "command": "false", "error": "exit code 1"}]
    (warning,) = build_report(facts(actions=actions), totals())["warnings"]
    assert "edge-dies" in warning


def test_the_timeline_has_as_many_values_as_parts_and_none_where_nobody_was():
    timeline = build_report(facts(), totals())["timeline"]
    assert all(len(values) == PARTS for name, values in timeline.items() if name != "partSeconds")
    assert timeline["rebufferRatio"][-1] is None
    assert timeline["watching"][20] == 4
