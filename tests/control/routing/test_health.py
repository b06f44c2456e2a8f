"""Who is sent viewers: several witnesses, and no single one of them takes an edge out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from control.routing.health import (
    MAX_SIGNALS,
    PROBE_AGE,
    QUORUM,
    SILENT,
    EdgeObservation,
    ObservationHistory,
    SignalSample,
    Standing,
    judge,
    viewer_trouble,
    why_unreachable,
    witnesses,
)
from kernel.fleet.messages import Report
from kernel.upstreams.health import EJECT_SECONDS, SLOW_START_SECONDS, Failure

CALM = Report(2.0, requests=100, connections=10)
FAILING = Report(2.0, requests=100, errors=80)
WELL = EdgeObservation("eu", connected=True, report=CALM, reported_at=100.0)


def fleet(count: int) -> tuple[dict[str, ObservationHistory], dict[str, EdgeObservation]]:
    names = [f"e{number}" for number in range(count)]
    return {name: ObservationHistory() for name in names}, dict.fromkeys(names, WELL)


def probed(
    watched: ObservationHistory, now: float, *, times: int = 2, reached: bool = True, prober: str = "c1"
) -> None:
    for _ in range(times):
        watched.record_probe(prober, now, well=False, reached=reached, detail="no connection")


def in_trouble(watched: ObservationHistory, now: float, sessions: int = 3) -> None:
    for number in range(sessions):
        watched.record_signal(f"s{number}", SignalSample(10, 5, 0.0, now))


def later(seen: dict[str, EdgeObservation], now: float) -> dict[str, EdgeObservation]:
    """Everybody goes on reporting."""
    return {name: replace(one, reported_at=now) for name, one in seen.items()}


def test_who_reports_and_answers_is_good():
    watched, seen = fleet(2)
    assert {one.standing for one in judge(watched, seen, 100.0).values()} == {Standing.GOOD}


ONE_WITNESS = [
    ("prober", WELL, lambda watched: probed(watched, 100.0)),
    ("report", replace(WELL, report=FAILING), lambda watched: None),
    ("report", replace(WELL, reported_at=100.0 - SILENT - 1), lambda watched: None),
    ("stream", replace(WELL, connected=False, lost_at=100.0 - SILENT - 1), lambda watched: None),
]


@pytest.mark.parametrize(("who", "edge", "happens"), ONE_WITNESS)
def test_one_witness_alone_makes_it_doubted_and_never_ejected(who, edge, happens):
    watched, seen = fleet(3)
    seen["e0"] = edge
    happens(watched["e0"])
    for second in range(12):
        verdicts = judge(watched, seen, 100.0 + second / 4)
        assert verdicts["e0"].standing is Standing.DOUBTED
        assert verdicts["e0"].why.startswith(who)
        assert verdicts["e1"].standing is Standing.GOOD


@pytest.mark.parametrize(
    "happens",
    [
        lambda watched: probed(watched, 100.0, times=1),
        lambda watched: probed(watched, 100.0 - PROBE_AGE - 1),
    ],
)
def test_too_little_or_too_old_says_nothing(happens):
    watched = ObservationHistory()
    happens(watched)
    assert not witnesses(watched, WELL, 100.0)


def test_two_that_agree_for_five_looks_eject_for_thirty_seconds_and_it_comes_back_slowly():
    watched, seen = fleet(2)
    seen["e0"] = replace(WELL, report=FAILING)
    standings, now = [], 100.0
    for _ in range(6):
        probed(watched["e0"], now)
        standings.append(judge(watched, later(seen, now), now)["e0"].standing)
        now += 1
    assert len(witnesses(watched["e0"], replace(seen["e0"], reported_at=now), now)) == QUORUM
    assert standings == [Standing.DOUBTED] * 4 + [Standing.EJECTED] * 2
    seen["e0"] = WELL
    watched["e0"].record_probe("c1", now, well=True, reached=True)
    assert judge(watched, later(seen, now), now)["e0"].standing is Standing.EJECTED
    now += EJECT_SECONDS
    back = judge(watched, later(seen, now), now)["e0"]
    assert (back.standing, back.share) == (Standing.RETURNING, 0.1)
    now += SLOW_START_SECONDS
    assert judge(watched, later(seen, now), now)["e0"].standing is Standing.GOOD


def test_a_tenth_or_one_may_be_ejected():
    watched, seen = fleet(12)
    for name in ("e0", "e1", "e2"):
        seen[name] = replace(WELL, report=FAILING)
    for second in range(8):
        for name in ("e0", "e1", "e2"):
            probed(watched[name], 100.0 + second)
        verdicts = judge(watched, later(seen, 100.0 + second), 100.0 + second)
    assert sorted(verdicts[name].standing.value for name in ("e0", "e1", "e2")) == ["doubted", "doubted", "ejected"]


def test_doubt_of_more_than_half_is_the_observers_trouble():
    """A prober that loses its network finds everybody bad."""
    watched, seen = fleet(3)
    for one in watched.values():
        probed(one, 100.0, times=9)
    assert {one.standing for one in judge(watched, seen, 100.0).values()} == {Standing.GOOD}


def test_a_dead_edge_is_gone_at_once_its_stream_broke_and_nobody_gets_a_connection():
    watched, seen = fleet(3)
    seen["e0"] = replace(WELL, connected=False, lost_at=100.0)
    assert judge(watched, seen, 100.1)["e0"].standing is Standing.GOOD
    probed(watched["e0"], 100.2, times=1, reached=False)
    gone = judge(watched, seen, 100.2)["e0"]
    assert (gone.standing, gone.why) == (Standing.GONE, "its stream broke, and no connection")
    seen["e0"] = WELL
    assert judge(watched, seen, 101.0)["e0"].standing is Standing.GONE, "until somebody has reached it"
    watched["e0"].record_probe("c1", 102.0, well=True, reached=True)
    assert judge(watched, later(seen, 102.0), 102.0)["e0"].standing is Standing.RETURNING


def test_a_line_that_broke_is_no_death_when_most_probers_reach_the_edge():
    watched = ObservationHistory()
    lost = replace(WELL, connected=False, lost_at=100.0)
    probed(watched, 101.0, reached=False, prober="c1")
    for prober in ("c2", "c3"):
        watched.record_probe(prober, 101.0, well=True, reached=True)
    assert not why_unreachable(watched, lost, 101.0)
    assert why_unreachable(ObservationHistory(probes={"c1": watched.probes["c1"]}), lost, 101.0)
    assert not why_unreachable(watched, WELL, 101.0)


def test_panic_asks_the_ejected_all_the_same():
    """Less than half of a pool left: whoever answers badly may still answer."""
    watched, seen = fleet(3)
    watched["e0"].health.out, watched["e0"].health.until = Failure.ANSWER, 500.0
    for name in ("e1", "e2"):
        seen[name] = replace(WELL, report=replace(CALM, ready=False))
    verdicts = judge(watched, seen, 100.0)
    assert verdicts["e0"].standing is Standing.DOUBTED
    assert verdicts["e0"].why.startswith("panic")


OF_ITSELF = [
    (replace(WELL, drained=True), Standing.DRAINING),
    (replace(WELL, report=replace(CALM, draining=True)), Standing.DRAINING),
    (replace(WELL, report=replace(CALM, ready=False)), Standing.NOT_READY),
    (replace(WELL, capacity=100, report=replace(CALM, bytes_sent=23)), Standing.BUSY),
    (replace(WELL, report=replace(CALM, loop_delay=0.3)), Standing.BUSY),
    (replace(WELL, report=None), Standing.GOOD),
]


@pytest.mark.parametrize(("edge", "standing"), OF_ITSELF)
def test_what_it_says_of_itself_counts_at_once(edge, standing):
    watched, seen = fleet(3)
    seen["e0"] = edge
    assert judge(watched, seen, 100.0)["e0"].standing is standing


def test_busy_until_calm():
    watched, seen = fleet(2)
    for delay, standing in ((0.2, Standing.GOOD), (0.3, Standing.BUSY), (0.2, Standing.BUSY), (0.05, Standing.GOOD)):
        seen["e0"] = replace(WELL, report=replace(CALM, loop_delay=delay))
        assert judge(watched, seen, 100.0)["e0"].standing is standing


@pytest.mark.parametrize(
    "happens",
    [
        lambda watched: in_trouble(watched, 100.0, sessions=2),
        lambda watched: in_trouble(watched, 60.0),
        lambda watched: watched.record_signal("s", SignalSample(10, 0, 0.5, 100.0)),
    ],
)
def test_a_few_or_old_words_of_viewers_are_not_shown(happens):
    watched = ObservationHistory()
    happens(watched)
    assert not viewer_trouble(watched, 100.0)


def test_viewers_decide_nothing_alone_or_beside_a_witness():
    """Four guests with invented errors made an edge doubted and moved the next viewers away."""
    watched, seen = fleet(2)
    in_trouble(watched["e0"], 100.0, sessions=MAX_SIGNALS)
    assert judge(watched, seen, 100.0)["e0"].standing is Standing.GOOD
    probed(watched["e0"], 100.0)
    for second in range(12):
        in_trouble(watched["e0"], 100.0 + second, sessions=MAX_SIGNALS)
        assert judge(watched, later(seen, 100.0 + second), 100.0 + second)["e0"].standing is not Standing.EJECTED
    assert "64 of 64 sessions" in viewer_trouble(watched["e0"], 111.0)


def test_the_latest_sessions_are_kept():
    watched = ObservationHistory()
    for number in range(MAX_SIGNALS + 5):
        watched.record_signal(f"s{number}", SignalSample(1, 0, 0.0, 1.0))
    assert len(watched.signals) == MAX_SIGNALS
    assert "s4" not in watched.signals
