"""Events merge into marks, in any order and however often they come."""

from hypothesis import given
from hypothesis import strategies as st

from services.recommend.events import Action, FeedbackEvent
from services.recommend.marks import Verdict, gather_marks, mark_weight, merge_marks

NOW = 1_800_000_000.0
EVENTS = st.builds(
    FeedbackEvent,
    st.just("u"),
    st.just("film"),
    st.sampled_from(Action),
    st.sampled_from([None, 0.0, 0.05, 0.5, 1.0]),
    st.sampled_from([0.0, NOW - 2, NOW - 1, NOW, NOW + 1e6]),
    st.sampled_from([None, "DE", "FR"]),
)


def mark(*events):
    [found] = gather_marks(events, NOW)
    return found


def event(action, at, value=None):
    return FeedbackEvent("u", "film", action, value, at)


@given(st.lists(EVENTS, min_size=1, max_size=8), st.randoms())
def test_order_and_repetition_change_nothing(events, random):
    again = [*events, *random.choices(events, k=3)]
    random.shuffle(again)
    assert mark(*again) == mark(*events)
    half = len(events) // 2
    if half:
        assert merge_marks(mark(*events[half:]), mark(*events[:half])) == mark(*events)


def test_a_verdict_holds_however_many_events_follow():
    after = [event(Action.VIEW, NOW - 10 + number / 1000) for number in range(2000)]
    found = mark(event(Action.DISLIKE, NOW - 100), *after)
    assert found.verdict is Verdict.DISLIKED
    assert found.viewed


def test_the_last_verdict_counts_and_at_one_moment_the_dislike():
    assert mark(event(Action.DISLIKE, 1.0), event(Action.LIKE, 2.0)).verdict is Verdict.LIKED
    assert mark(event(Action.LIKE, 2.0), event(Action.DISLIKE, 2.0)).verdict is Verdict.DISLIKED


def test_a_like_dated_in_the_future_does_not_beat_a_dislike_now():
    found = mark(event(Action.LIKE, NOW + 1e7), event(Action.DISLIKE, NOW))
    assert found.verdict is Verdict.DISLIKED
    assert mark(event(Action.VIEW, NOW + 1e7)).at == 0.0
    assert mark(event(Action.LIKE, NOW + 60), event(Action.DISLIKE, NOW)).verdict is Verdict.LIKED


def test_likes_say_most_and_a_title_left_early_nothing():
    assert mark_weight(1, False, False, -1.0) == 1.0
    assert mark_weight(-1, True, True, 1.0) == 0.0
    assert mark_weight(0, True, False, 0.05) == 0.0
    assert mark_weight(0, False, False, 0.9) > mark_weight(0, False, False, 0.2) > mark_weight(0, False, True, -1.0) > 0
    assert mark_weight(0, True, False, -1.0) == 1.0


def test_marks_are_written_in_one_order_by_every_process():
    """PostgreSQL ends one of two transactions that lock the same rows in opposite orders."""
    events = [FeedbackEvent(user, title, Action.VIEW, None, 1.0) for user in "ba" for title in "yx"]
    assert gather_marks(events, 2.0) == gather_marks(events[::-1], 2.0)
