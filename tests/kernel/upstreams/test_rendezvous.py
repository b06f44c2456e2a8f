"""Keys and upstreams: shares by weight, few moves, no one overloaded."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.upstreams.rendezvous import MIN_BOUND, Candidate, bound, order, score

KEYS = [b"title%d/v720" % number for number in range(3000)]
rows = st.lists(st.tuples(st.floats(0.05, 50), st.integers(0, 500)), min_size=1, max_size=12)
pools = rows.map(lambda found: [Candidate(b"s%d:80" % at, *one) for at, one in enumerate(found)])


def quiet(*weights: float) -> list[Candidate]:
    return [Candidate(b"s%d:80" % number, weight, 0) for number, weight in enumerate(weights)]


def firsts(pool: list[Candidate]) -> dict[bytes, bytes]:
    return {key: pool[order(key, pool)[0]].name for key in KEYS}


@pytest.mark.parametrize("weights", [(1, 1), (1, 1, 1), (1, 2), (1, 2, 5), (0.1, 1, 1), (3, 3, 3, 3, 1)])
def test_keys_are_shared_out_by_weight(weights: tuple[float, ...]):
    counted = Counter(firsts(quiet(*weights)).values())
    for number, weight in enumerate(weights):
        share = weight / sum(weights)
        four_sigma = 4 * math.sqrt(len(KEYS) * share * (1 - share))
        assert abs(counted[b"s%d:80" % number] - len(KEYS) * share) < four_sigma


@given(st.integers(2, 8), st.integers(0, 7))
def test_when_one_leaves_only_its_own_keys_move(size: int, leaver: int):
    pool = quiet(*([1.0] * size))
    gone = pool[leaver % size]
    rest = [one for one in pool if one is not gone]
    for key in KEYS[:200]:
        first = pool[order(key, pool)[0]]
        if first is not gone:
            assert rest[order(key, rest)[0]] == first
        else:
            assert rest[order(key, rest)[0]] == pool[order(key, pool)[1]]  # to its second choice


@given(st.floats(0.1, 10), st.floats(1.01, 10))
def test_when_one_grows_keys_only_move_to_it(weight: float, factor: float):
    before, after = quiet(1, weight, 1), quiet(1, weight * factor, 1)
    for key in KEYS[:200]:
        old, new = order(key, before)[0], order(key, after)[0]
        assert new in (old, 1)


@given(pools, st.binary(max_size=40))
def test_the_order_has_everybody_once_and_is_the_same_each_time(pool: list[Candidate], key: bytes):
    found = order(key, pool)
    assert sorted(found) == list(range(len(pool)))
    assert found == order(key, pool)


@given(pools, st.binary(max_size=40))
def test_the_first_choice_is_within_its_bound(pool: list[Candidate], key: bytes):
    """1.25 times the mean leaves room somewhere, always."""
    first = pool[order(key, pool)[0]]
    assert len(pool) == 1 or first.running < bound(pool, first)


@given(st.lists(st.floats(0.2, 5), min_size=2, max_size=6), st.integers(1, 400))
def test_one_key_asked_by_all_loads_nobody_beyond_the_bound(weights: list[float], exchanges: int):
    pool = quiet(*weights)
    for _ in range(exchanges):
        taken = order(b"the one title everybody watches", pool)[0]
        pool[taken] = pool[taken]._replace(running=pool[taken].running + 1)
    for one in pool:
        assert one.running <= max(MIN_BOUND, math.ceil(1.25 * exchanges * one.weight / sum(weights)) + 1)


def test_while_it_is_quiet_a_key_stays_where_it_is_warm():
    pool = quiet(1, 1, 1)
    for running in range(MIN_BOUND):
        first = order(b"k", pool)[0]
        pool[first] = pool[first]._replace(running=running)
        assert order(b"k", pool)[0] == first


def test_a_score_is_finite_or_the_best():
    assert all(score(b"a", 1.0, key) > 0 for key in KEYS)
