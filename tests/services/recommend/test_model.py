"""The fitted model: who watched both, what is watched now."""

import numpy as np
import pytest

from services.recommend import model
from services.recommend.model import EventColumns

NOW = 1_800_000_000.0
DAY = 86400.0


def columns(events):
    """Columns of (user, item, weight, age in days, country)."""
    users, items, countries = (sorted({event[at] for event in events if event[at]}) for at in (0, 1, 4))
    return EventColumns(
        users, items, countries,
        np.array([users.index(event[0]) for event in events], dtype=np.int64),
        np.array([items.index(event[1]) for event in events], dtype=np.int64),
        np.array([event[2] for event in events], dtype=np.float64),
        np.array([NOW - event[3] * DAY for event in events]),
        np.array([countries.index(event[4]) if event[4] else -1 for event in events], dtype=np.int64),
    )  # fmt: skip


def events(pairs, weight=3.0, age=1.0, country=None):
    return [(user, item, weight, age, country) for user, item in pairs]


def test_titles_of_the_same_people_are_near():
    crowd = events([(f"u{n}", item) for n in range(10) for item in ("alien", "aliens")])
    others = events([(f"v{n}", "amelie") for n in range(10)])
    fitted = model.fit(columns(crowd + others), NOW, 3 * DAY)
    scores = dict(zip(fitted.items, fitted.scores({"alien": 1.0}), strict=True))
    assert scores["aliens"] > 0
    assert scores["amelie"] == scores["alien"] == 0


def test_who_says_nothing_known_gets_no_scores():
    fitted = model.fit(columns(events([("u", "a")])), NOW, 3 * DAY)
    assert not fitted.scores({}).any()
    assert not fitted.scores({"unknown": 1.0}).any()


def test_a_trend_is_what_is_watched_now_and_here():
    old = events([(f"u{n}", "old") for n in range(50)], age=60, country="DE")
    new = events([(f"v{n}", "new") for n in range(20)], age=0, country="DE")
    fr = events([(f"w{n}", "french") for n in range(30)], age=0, country="FR")
    fitted = model.fit(columns(old + new + fr), NOW, 3 * DAY)
    trends = dict(zip(fitted.items, fitted.trends("DE"), strict=True))
    assert trends["new"] > trends["french"] > trends["old"]
    assert dict(zip(fitted.items, fitted.trends("FR"), strict=True))["french"] >= 1
    assert dict(zip(fitted.items, fitted.trends(None), strict=True))["french"] == 1


def test_old_events_alone_still_make_a_trend():
    fitted = model.fit(columns(events([("u", "a"), ("v", "a"), ("v", "b")], age=4000)), NOW, 3 * DAY)
    assert dict(zip(fitted.items, fitted.trend, strict=True))["a"] == 1


def test_a_dislike_makes_nothing_near():
    pairs = events([(f"u{n}", "a") for n in range(5)]) + events([(f"u{n}", "b") for n in range(5)], weight=-4.0)
    fitted = model.fit(columns(pairs), NOW, 3 * DAY)
    assert not fitted.scores({"a": 1.0}).any()


def test_nothing_is_fitted_to_nothing():
    fitted = model.fit(columns([]), NOW, 3 * DAY)
    assert fitted.events == 0
    assert not len(fitted.trends("DE"))


def test_neighbours_are_bounded_and_the_strongest(monkeypatch):
    monkeypatch.setattr(model, "MAX_NEIGHBOURS", 2)
    crowd = [(f"u{n}", "a") for n in range(9)] + [(f"u{n}", f"i{k}") for k in range(5) for n in range(2 + k)]
    fitted = model.fit(columns(events(crowd)), NOW, 3 * DAY)
    scores = dict(zip(fitted.items, fitted.scores({"a": 1.0}), strict=True))
    assert {item for item, score in scores.items() if score > 0} == {"i3", "i4"}


@pytest.mark.parametrize("half_life", [1.0, 3 * DAY])
def test_what_counts_half_after_a_half_life(half_life):
    assert model.decay(np.array([NOW - half_life]), NOW, half_life)[0] == 0.5
    assert model.decay(np.array([NOW + 9.0]), NOW, half_life)[0] == 1.0
