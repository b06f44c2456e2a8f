"""Live quality: what views have grown by, in buckets of ten seconds."""

from services.analytics.views.live import BUCKET_SECONDS, KEPT_BUCKETS, MAX_VALUES, LiveQuality
from services.analytics.views.view import View, row_of

T = 1_800_000_000.0
ROW = row_of(View("s"), 0.0)._replace(outcome="abandoned", content_id="film", region="eu", events=1)


def test_a_view_counts_once_and_its_times_where_they_grew():
    live = LiveQuality()
    live.observe([ROW], [], T)
    live.observe([ROW._replace(outcome="played", startup_ms=500, played_ms=9_000)], [], T + 10)
    live.observe(
        [ROW._replace(outcome="played", startup_ms=500, played_ms=9_000, stalled_ms=3_000, stalls=1)], [], T + 20
    )
    live.observe(
        [], [ROW._replace(outcome="played", startup_ms=500, played_ms=17_000, stalled_ms=3_000, stalls=1)], T + 30
    )
    (whole,) = live.report("title", 60, T + 30)
    assert (whole["title"], whole["views"], whole["starts"], whole["playedMs"]) == ("film", 1, 1, 17_000)
    assert whole["startupMs"]["p50"] == 500
    assert [row["stalledMs"] for row in live.series("title", "film")] == [0, 0, 3_000, 0]
    (newest,) = live.report("region", 5, T + 34)
    assert (newest["views"], newest["playedMs"]) == (0, 8_000)


def test_an_exit_counts_when_the_view_is_over():
    live = LiveQuality()
    waiting = ROW._replace(outcome="exit-before-start")
    live.observe([waiting], [], T)
    assert live.report("title", 60, T)[0]["exitsBeforeStart"] == 0
    live.observe([], [waiting], T)
    assert live.report("title", 60, T)[0]["exitsBeforeStart"] == 1


def test_a_failure_counts_once():
    live = LiveQuality()
    failed = ROW._replace(outcome="start-failure", failure_class="business")
    live.observe([failed], [], T)
    live.observe([failed], [failed], T)
    row = live.report("title", 60, T)[0]
    assert (row["startFailures"], row["startFailuresBusiness"], row["views"]) == (1, 1, 1)


def test_buckets_and_values_are_bounded():
    live = LiveQuality()
    for number in range(MAX_VALUES + 5):
        live.observe([ROW._replace(session=str(number), content_id=f"t{number}")], [], T)
    rows = live.report("title", 60, T)
    assert len(rows) == MAX_VALUES + 1
    assert next(row["views"] for row in rows if row["title"] == "other") == 5
    for number in range(KEPT_BUCKETS):
        live.observe([], [], T + BUCKET_SECONDS * (number + 1))
    assert live.report("title", 1e9, T) == []


def test_sessions_without_reports_are_no_views():
    live = LiveQuality()
    live.observe([ROW._replace(outcome="unreported")], [], T)
    assert live.report("title", 60, T) == []


def test_a_session_that_is_forgotten_leaves_only_sums():
    live = LiveQuality()
    live.observe([ROW], [], T)
    live.forget_sessions(["s", "unknown"])
    live.observe([ROW], [], T)
    assert live.report("title", 60, T)[0]["views"] == 2  # it is not known any more


def test_regions_that_reports_make_up_do_not_grow_the_counters_for_ever():
    live = LiveQuality()
    seen = set()
    for look in range(3):
        rows = [ROW._replace(session=f"s{look}-{n}", region=f"r{look}-{n}") for n in range(MAX_VALUES)]
        grown = live.observe(rows, [], T + 10 * look)
        assert sum(sums.views for sums in grown.values()) == MAX_VALUES
        seen |= set(grown)
    assert len(seen) == MAX_VALUES + 1
