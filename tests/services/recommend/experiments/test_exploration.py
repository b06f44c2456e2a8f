"""Titles drawn at random, and what they say of policies that never ran."""

from collections import Counter

import numpy as np
import pytest

from services.recommend.experiments.exploration import DRAWN_FROM, draw_place, evaluate_policies

RANKED = [(at, 4.0 - at / 100) for at in range(30)]


def test_one_title_of_the_near_misses_comes_into_the_list():
    draw, shown = np.random.default_rng(1), Counter()
    for _ in range(4_000):
        found = draw_place(RANKED, 5, draw.random(), draw.random())
        titles = [at for at, _ in found.items]
        assert len(set(titles)) == 5
        assert [score for _, score in found.items] == [score for _, score in RANKED[:5]]
        assert found.shown in found.among
        assert found.among[1:] == list(range(5, 5 + DRAWN_FROM - 1))
        if found.shown != found.among[0]:
            assert titles[found.among[0]] == found.shown
            assert [at for at in titles if at != found.shown] == list(range(4))
        shown[found.among.index(found.shown)] += 1
    assert all(count == pytest.approx(4_000 / DRAWN_FROM, rel=0.2) for count in shown.values())


def test_a_short_list_is_left_alone():
    assert draw_place(RANKED[:8], 5, 0.1, 0.9) is None
    assert draw_place([], 5, 0.1, 0.9) is None


def test_a_policy_that_never_ran_is_worth_what_it_would_have_earned():
    draw, rows = np.random.default_rng(2), []
    for _ in range(20_000):
        among = [f"t{at}" for at in draw.permutation(20)[:8]]
        shown = among[int(draw.integers(8))]
        reward = float(draw.random() < int(shown[1:]) / 20)
        choices = {
            "best": max(among, key=lambda one: int(one[1:])),
            "shown": among[0],
            "worst": min(among, key=lambda one: int(one[1:])),
        }
        rows.append((1 / 8, reward, choices, shown))
    found = {row["policy"]: row for row in evaluate_policies(rows)}
    for name, truth in (("best", 18.0 * 20 / 21 / 20), ("shown", 9.5 / 20)):
        assert found[name]["snips"] == pytest.approx(truth, abs=0.05)
        assert found[name]["ips"] == pytest.approx(truth, abs=0.08)
        assert found[name]["interval"][0] < found[name]["snips"] < found[name]["interval"][1]
    assert found["best"]["snips"] > found["shown"]["snips"] > found["worst"]["snips"]


def test_few_draws_have_no_interval():
    [row] = evaluate_policies([(0.5, 1.0, {"a": "x"}, "x"), (0.5, 0.0, {"a": "x"}, "y")])
    assert (row["matching"], row["snips"], row["interval"]) == (1, 1.0, None)
    assert evaluate_policies([]) == []
