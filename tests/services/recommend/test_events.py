"""Lines of an events file, and the identity of events."""

import pytest

from services.recommend.events import Action, FeedbackEvent, event_identity, parse_row


def test_a_row_is_read_as_written():
    assert parse_row(["u1", "film-1", "WATCH", "0.5", "1700000000"]) == FeedbackEvent(
        "u1", "film-1", Action.WATCH, 0.5, 1.7e9
    )
    for user in ("user/7", "auth0|abc", "müller"):
        assert parse_row([user, "f", "VIEW", "", "1"]).user == user
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


def test_an_event_is_the_same_event_however_often_it_comes():
    event = FeedbackEvent("u", "f", Action.WATCH, 0.5, 1.7e9)
    assert event_identity(event) == event_identity(FeedbackEvent("u", "f", Action.WATCH, 0.5, 1.7e9, "DE"))
    others = [
        FeedbackEvent("v", "f", Action.WATCH, 0.5, 1.7e9),
        FeedbackEvent("u", "g", Action.WATCH, 0.5, 1.7e9),
        FeedbackEvent("u", "f", Action.VIEW, 0.5, 1.7e9),
        FeedbackEvent("u", "f", Action.WATCH, None, 1.7e9),
        FeedbackEvent("u", "f", Action.WATCH, 0.5, 1.7e9 + 0.001),
        FeedbackEvent("u", "f", Action.WATCH, 0.5, 1.7e9, event_id="1"),
    ]
    assert len({event_identity(one) for one in [event, *others]}) == 7
    named = [FeedbackEvent("u", "f", Action.VIEW, None, at, event_id="app-1") for at in (1.0, 2.0)]
    assert event_identity(named[0]) == event_identity(named[1])
