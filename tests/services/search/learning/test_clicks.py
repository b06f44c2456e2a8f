"""Clicks lift titles: bounded, decayed, not by one viewer alone."""

from services.search.learning.clicks import HALF_LIFE_SECONDS, Click, hash_viewer, lift_titles, rank_trending

NOW = 1_800_000_000.0


def clicks(content_id, viewers, at=NOW, country="DE", query="star"):
    return [Click(query, content_id, f"v{viewer}", at, country) for viewer in viewers]


def test_one_busy_viewer_lifts_nothing():
    assert lift_titles(clicks("a", ["one"]), NOW) == {}


def test_more_viewers_lift_more_but_never_beyond_one():
    few, many = (lift_titles(clicks("a", range(count)), NOW)["star"]["a"] for count in (3, 500))
    assert 0 < few < many <= 1


def test_old_clicks_count_less():
    new = lift_titles(clicks("a", range(6)), NOW)["star"]["a"]
    old = lift_titles(clicks("a", range(6), NOW - 3 * HALF_LIFE_SECONDS), NOW)["star"]["a"]
    assert old < new / 3


def test_clicks_of_the_future_count_as_of_now():
    assert lift_titles(clicks("a", range(6), NOW + 1e9), NOW) == lift_titles(clicks("a", range(6)), NOW)


def test_trends_prefer_the_country():
    found = [*clicks("a", range(5), country="DE"), *clicks("b", range(8), country="FR")]
    german, french = rank_trending(found, "DE", NOW), rank_trending(found, "FR", NOW)
    assert german["a"] > german["b"]
    assert french["b"] > french["a"]


def test_one_viewer_counts_once_for_a_trend_whatever_they_typed():
    busy = [click for n in range(50) for click in clicks("a", ["one"], NOW - n, query=f"q{n}")]
    assert rank_trending(busy, "DE", NOW) == rank_trending(clicks("a", ["one"]), "DE", NOW)


def test_a_viewer_is_not_named():
    assert "anna" not in hash_viewer(b"secret", "anna")
    assert hash_viewer(b"secret", "anna") == hash_viewer(b"secret", "anna") != hash_viewer(b"other", "anna")
