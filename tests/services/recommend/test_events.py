"""Lines of an events file, and what events weigh."""

import pytest

from services.recommend.events import Action, FeedbackEvent, event_weight, parse_row


def test_a_row_is_read_as_written():
    assert parse_row(["u1", "film-1", "WATCH", "0.5", "1700000000"]) == FeedbackEvent(
        "u1", "film-1", Action.WATCH, 0.5, 1.7e9
    )
    assert parse_row([" u1 ", "film-1", "LIKE", "", "1700000000.5"]).value is None


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (["u", "f", "LIKE", ""], ""),
        (["", "f", "LIKE", "", "1"], "userId"),
        (["u" * 129, "f", "LIKE", "", "1"], "userId"),
        (["u\x00", "f", "LIKE", "", "1"], "userId"),
        (["u", "../f", "LIKE", "", "1"], "contentId"),
        (["u", "f", "like", "", "1"], "action"),
        (["u", "f", "WATCH", "1.5", "1"], "value"),
        (["u", "f", "WATCH", "nan", "1"], "value"),
        (["u", "f", "LIKE", "", "yesterday"], "timestamp"),
        (["u", "f", "LIKE", "", "inf"], "timestamp"),
        (["u", "f", "LIKE", "", "1700000000000"], "timestamp"),
    ],
)
def test_a_bad_row_names_its_field(row, field):
    found = parse_row(row)
    assert isinstance(found, tuple)
    assert found[0] == field


def test_likes_say_most_and_early_drop_offs_speak_against():
    assert event_weight(Action.LIKE, None) > event_weight(Action.WATCH, 1.0) > event_weight(Action.VIEW, None) > 0
    assert event_weight(Action.WATCH, 0.05) < 0
    assert event_weight(Action.DISLIKE, None) < 0
