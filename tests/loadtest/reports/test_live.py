"""The live view."""

from loadtest.nodes.series import Node, NodeRole, Sample, Series
from loadtest.reports.live import LiveView, rows_of, table_of
from loadtest.reports.timeline import Timeline
from loadtest.reports.totals import Totals
from loadtest.session import SessionRecord, Viewer


class Progress:
    title = "premiere: 9 players, 60 s"

    def __init__(self, series=()):
        self.totals = Totals(Timeline(60.0))
        self._series = list(series)

    def elapsed_s(self):
        return 75.0

    def generator_share(self):
        return 0.25

    def playing(self):
        return 7

    def series(self):
        return self._series

    def last_action(self):
        return "kill edge1" if self._series else ""


def test_a_run_that_has_just_begun_is_shown():
    rows = dict(rows_of(Progress()))
    assert rows["time"] == "1:15"
    assert rows["playing now"] == "7"
    assert rows["generator, of a core"] == "25 %"
    assert rows["start-up p50 / p95"] == "–"
    assert "edge hits" not in rows
    assert table_of(Progress()).row_count == len(rows)


def test_sessions_nodes_and_actions_are_shown():
    edge = Series(Node("edge1", NodeRole.EDGE), 60.0)
    for at_s, hits in ((0, 0), (1, 9)):
        edge.add_sample(Sample(at_s, hits=hits, misses=hits / 9, cpu_s=at_s))
    progress = Progress([edge])
    progress.totals.count_session(SessionRecord(Viewer(1, "t"), startup_s=0.5, played_s=9))
    rows = dict(rows_of(progress))
    assert rows["sessions over"] == "1"
    assert rows["edge hits"] == "90 %"
    assert rows["CPU of edge1"] == "1.0 s"
    assert rows["last action"] == "kill edge1"


def test_a_view_that_is_off_prints_nothing(capsys):
    with LiveView(enabled=False) as live:
        live.follow(Progress())
    assert capsys.readouterr() == ("", "")
