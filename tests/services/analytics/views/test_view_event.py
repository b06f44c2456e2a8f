"""What identifies an event."""

from services.analytics.views.view_event import Signal, Source, ViewEvent, hash_event

ONE = ViewEvent("s", 10.0, 11.0, Source.CMCD, Signal.PLAYING, "ps", 4)


def test_an_event_is_known_by_time_sequence_source_and_name():
    others = (
        ONE._replace(at=10.001),
        ONE._replace(sequence=5),
        ONE._replace(source=Source.PLAYER),
        ONE._replace(name="t"),
    )
    assert len({hash_event(one) for one in (ONE, *others)}) == 5
    assert hash_event(ONE) == hash_event(ONE._replace(received=99.0))
