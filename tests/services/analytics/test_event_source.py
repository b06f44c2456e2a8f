"""The events of a record: what can be parsed, and what is kept as it was because it was acknowledged."""

import pytest

from services.analytics.event_source import StoredRecord, events_of
from services.analytics.views.view_event import Signal
from tests.services.analytics.conftest import T, cmcd_line


def record(kind, body, **more):
    return StoredRecord(0, 1, kind, T, body, **more)


def test_each_line_of_cmcd_is_an_event_and_one_that_is_none_is_kept_as_text():
    body = f"{cmcd_line('s', 0, 0, sta='p')}\nnonsense".encode()
    one, other = events_of(record("cmcd", body, sessions=("s",), country="DE"))
    assert (one.signal, one.country) == (Signal.PLAYING, "DE")
    assert (other.raw, other.session, other.name, other.received) == ("nonsense", "s", "", T)


@pytest.mark.parametrize("kind", ["player", "playback", "feedback", "of-a-later-release"])
def test_a_body_of_no_known_form_is_one_event_with_its_text_and_owner(kind):
    [event] = events_of(record(kind, b"{?", subject="ann", sessions=("s",)))
    assert (event.raw, event.subject, event.session) == ("{?", "ann", "s")


def test_lines_of_edges_are_events_each():
    body = b'{"time":1,"session":"s","path":"/cdn/eu/film/1.m4s"}\n{'
    one, other = events_of(record("logs", body))
    assert (one.session, one.name, other.raw) == ("s", "segment", "{")
