"""A report to show and compare, and a driver that plays from memory."""

import copy

import pytest

from loadtest.nodes.series import Node, NodeRole, Sample, Series
from loadtest.reports.report import Generator, RunFacts, build_report
from loadtest.reports.timeline import Timeline
from loadtest.reports.totals import Totals
from loadtest.runs.run import judged
from loadtest.session import RequestKey, RequestKind, SessionRecord, Stall, Tier, Viewer
from loadtest.stories.reader import read_story

STORY = """
name = "edge-dies"
summary = "An <edge> dies."
players = 20
seconds = 60
[actions.edge-dies]
at = "50%"
start = "true"
[expect]
always = ["longest stall max < 2 s", "bitrate mean > 9 Mbit/s"]
where_measured = ["origin requests < 1.2 × objects"]
"""


def make_report():
    totals = Totals(Timeline(60.0))
    for number in range(20):
        record = SessionRecord(Viewer(number, "t", arrival_s=number, country="DE"), startup_s=0.25, played_s=30.0)
        record.rungs_s = {3_000_000: 30.0}
        record.add_stall(Stall(3.0, 0.5))
        for tier in (Tier.EDGE, Tier.EDGE, Tier.ORIGIN):
            record.add_request(RequestKey(RequestKind.SEGMENT, 200, tier, "edge1"), 10_000, 0.02, 0.1)
        totals.count_session(record)
    edge = Series(Node("edge1", NodeRole.EDGE), 60.0)
    for at_s in range(0, 61, 10):
        edge.add_sample(
            Sample(at_s, hits=at_s, misses=at_s / 10, bytes_sent=at_s * 1e6, cpu_s=at_s / 100, connections=9)
        )
    actions = [{"name": "edge-dies", "atSeconds": 30.0, "endedSeconds": 30.1, "command": "true", "error": ""}]
    facts = RunFacts("edge-dies", "An <edge> dies.", "http://t", 60.0, 1.0, 1, Generator(0.3), actions=actions)
    return judged(build_report(facts, totals, [edge]), read_story(STORY, "mine.toml"))


_REPORT = make_report()


@pytest.fixture
def report():
    return copy.deepcopy(_REPORT)
