"""A rollout, by events."""

import itertools

import pytest

from control.rollout.rollout import (
    STAGES,
    Rollout,
    RolloutState,
    WindowMetrics,
    chosen_edges,
    hold,
    judge_harm,
    next_state,
    position,
    resume,
    revert,
    with_cutoff,
)

EDGES = [f"e{number}" for number in range(100)]
NEW = Rollout(7, 6, since=0.0)
WELL = WindowMetrics(requests=1000, errors=2, hits=900, slow=0.05)


def test_stages_grow_from_a_few_canaries_to_all():
    sets = [chosen_edges(EDGES, with_cutoff(Rollout(7, 6, 0.0, stage), EDGES)) for stage in range(len(STAGES))]
    assert [len(one) for one in sets] == [5, 25, 50, 100]
    assert all(small < large for small, large in itertools.pairwise(sets))


def test_a_small_fleet_has_one_canary_and_no_fleet_none():
    assert len(chosen_edges(["a", "b"], with_cutoff(NEW, ["a", "b"]))) == 1
    assert chosen_edges(EDGES, with_cutoff(NEW, [])) == frozenset()


def test_nobody_who_has_it_loses_it_when_others_join_or_leave():
    canaries = with_cutoff(NEW, EDGES)
    fewer = with_cutoff(canaries, EDGES[:3])
    assert fewer.cutoff >= canaries.cutoff
    joined = [f"late{number}" for number in range(200)]
    early = [edge for edge in joined if position(edge, 7) <= canaries.cutoff]
    assert chosen_edges(joined, canaries) == frozenset(early)
    assert early


def test_another_edge_bears_the_risk_each_time():
    first = {min(EDGES, key=lambda edge: position(edge, number)) for number in range(50)}
    assert len(first) > 25


def test_who_is_chosen_when_it_is_over():
    assert chosen_edges(EDGES, Rollout(7, 6, 0.0, 1, RolloutState.DONE)) == frozenset(EDGES)
    assert chosen_edges(EDGES, Rollout(7, 6, 0.0, 1, RolloutState.REVERTED)) == frozenset()


def test_each_stage_is_watched_for_its_time():
    rollout, now, seen = NEW, 0.0, []
    while rollout.state is RolloutState.ROLLING:
        now += 1.0
        rollout = next_state(rollout, now, "", applied=True)
        seen.append((now, rollout.stage, rollout.state))
    changes = [now for (now, *word), (_, *before) in zip(seen[1:], seen, strict=False) if word != before]
    assert changes == [15.0, 25.0, 35.0, 50.0]
    assert rollout.state is RolloutState.DONE


def test_harm_takes_it_back_at_once_whatever_the_stage():
    for stage in range(len(STAGES)):
        taken_back = next_state(Rollout(7, 6, 0.0, stage), 1.0, "5 % of requests fail", applied=True)
        assert taken_back.state is RolloutState.REVERTED
        assert taken_back.why == "5 % of requests fail"
        assert next_state(taken_back, 99.0, "", applied=True) == taken_back


def test_a_stage_that_is_not_in_force_everywhere_is_held_and_may_be_let_on():
    assert next_state(NEW, 29.0, "", applied=False) == NEW
    held = next_state(NEW, 30.0, "", applied=False)
    assert held.state is RolloutState.HELD
    assert next_state(held, 99.0, "", applied=True) == held
    assert next_state(held, 99.0, "x", applied=True).state is RolloutState.REVERTED
    assert resume(held, 100.0) == Rollout(7, 6, 100.0)
    assert resume(NEW, 5.0) == NEW


def test_an_operator_holds_it_or_takes_it_back():
    held = hold(NEW, 2.0, "by anna")
    assert (held.state, held.why) == (RolloutState.HELD, "by anna")
    assert hold(held, 3.0, "again") == held
    assert revert(NEW, 3.0, "by anna").state is RolloutState.REVERTED


@pytest.mark.parametrize(
    ("new", "before", "others", "refused", "word"),
    [
        (WELL, WELL, WELL, (), ""),
        (WELL, WELL, WELL, ("e1",), "refused by e1"),
        (WindowMetrics(silent=("e2",)), WELL, WELL, (), "no report any more from e2"),
        (WindowMetrics(requests=1000, errors=40, hits=900), WELL, WELL, (), "4.0% of requests fail"),
        (WindowMetrics(requests=1000, errors=40, hits=900), WELL, WindowMetrics(1000, 39, 900), (), ""),
        (WindowMetrics(requests=5, errors=5), WELL, WELL, (), ""),
        (WindowMetrics(requests=1000, errors=100), WindowMetrics(), WindowMetrics(), (), "10.0% of requests fail"),
        (WindowMetrics(requests=1000, hits=600), WELL, WELL, (), "hit ratio 60.0%"),
        (WindowMetrics(requests=1000, hits=750), WELL, WELL, (), ""),
        (WindowMetrics(requests=1000, hits=0), WindowMetrics(), WindowMetrics(), (), ""),
        (WindowMetrics(requests=1000, hits=900, slow=0.5), WELL, WELL, (), "one request in a hundred waits 0.50 s"),
        (WindowMetrics(requests=1000, hits=900, slow=0.09), WELL, WindowMetrics(1000, 0, 900, 0.01), (), ""),
    ],
)
def test_what_speaks_against_new_settings(
    new: WindowMetrics, before: WindowMetrics, others: WindowMetrics, refused, word: str
):
    found = judge_harm(new, before, others, refused)
    assert found.startswith(word)
    assert bool(found) == bool(word)
