"""A view knows which events it has had."""

from services.analytics.views.view import MAX_DUPLICATES_KNOWN, View, is_duplicate
from services.analytics.views.view_event import Signal, Source, ViewEvent

ONE = ViewEvent("s", 10.0, 11.0, Source.CMCD, Signal.PLAYING, "ps", 4)


def test_as_many_events_are_known_as_a_player_sends_again():
    view = View("s")
    sent = [ONE._replace(sequence=number) for number in range(1000)]
    assert not any(is_duplicate(view, one) for one in sent)
    assert all(is_duplicate(view, one) for one in sent[-100:])
    assert len(view.recent) <= MAX_DUPLICATES_KNOWN
