"""What the event log says of titles."""

import msgspec
import pytest

from services.recommend.events import Action, FeedbackEvent, event_identity
from services.recommend.signals import record_of_feedback, signal_of_feedback, signal_of_playback


def body(**more):
    found = {"event": "stop", "sessionId": "s1", "contentId": "film", "position": 30.0, "duration": 60.0, "open": 40.0}
    return msgspec.json.encode(found | more)


def test_the_end_of_a_session_says_how_much_was_watched():
    found = signal_of_playback(body(), "p-1", 5.0, "DE")
    assert (found.user, found.content, found.action, found.value, found.at) == ("p-1", "film", Action.WATCH, 0.5, 5.0)
    assert signal_of_playback(body(position=99.0), "p-1", 5.0, "").value == 1.0


@pytest.mark.parametrize(
    ("record", "profile"),
    [
        (body(), ""),
        (body(event="moved"), "p-1"),
        (body(duration=0), "p-1"),
        (body(open=1.0), "p-1"),
        (body(contentId="../x"), "p-1"),
        (b"{broken", "p-1"),
        (b'"text"', "p-1"),
    ],
)
def test_other_records_say_nothing(record, profile):
    assert signal_of_playback(record, profile, 5.0, "DE") is None


def test_a_start_is_no_watch_yet():
    found = signal_of_playback(body(event="start"), "p-1", 5.0, "DE")
    assert (found.action, found.value, found.event_id) == (Action.START, None, "start:s1")
    watched = signal_of_playback(body(event="stop", open=1e9), "p-1", 5.0, "DE")
    assert watched.seconds == 6 * 3600.0


def test_feedback_goes_through_the_event_log_unchanged():
    event = FeedbackEvent("p-1", "film", Action.WATCH, 0.5, 7.25, "DE", "app-1")
    found = signal_of_feedback(record_of_feedback(event), "p-1", "DE")
    assert found == event
    assert event_identity(found) == event_identity(event)
    assert signal_of_feedback(record_of_feedback(event), "", "DE") is None
    assert signal_of_feedback(b'{"action":"LOVE","contentId":"a","at":1}', "p-1", "") is None
