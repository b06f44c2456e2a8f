"""An edge's own document is sent as a snapshot of one resource."""

from __future__ import annotations

from dataclasses import replace

from control.desired.diff import Track, with_answer, with_sent
from control.desired.documents import Document, next_document, no_document
from kernel.fleet.messages import HOT, NOTHING, Ack, Hello, Known, Nack, Resource, Update, Version

ONE = Document(Version("e", 1), b"{}")
TWO = Document(Version("e", 2), b'{"x":1}')


def test_an_edge_that_holds_it_is_told_so_once_a_connection() -> None:
    track = Track.from_hello(Known(HOT, Version("e", 1)))
    for wanted in (ONE, None):
        update = next_document(wanted, track, "n")
        assert update == Update(HOT, Version("e", 1), "n", snapshot=False, base=1)
        greeted = with_answer(with_sent(track, update), Ack(HOT, update.version, "n"))
        assert next_document(wanted, greeted, "m") is None
    assert no_document(Hello("e1")) is None


def test_a_newer_one_is_a_snapshot_and_one_that_is_taken_away_an_empty_one() -> None:
    track = Track(HOT)
    update = next_document(TWO, track, "n")
    assert update == Update(HOT, TWO.version, "n", snapshot=True, resources=(Resource(HOT, 2, TWO.content),))
    assert next_document(Document(Version("e", 3), b""), track, "n").resources == ()
    assert next_document(TWO, with_sent(track, update), "m") is None


def test_what_was_refused_is_not_sent_again() -> None:
    track = replace(Track(HOT), greeted=True)
    update = next_document(ONE, track, "n")
    track = with_answer(with_sent(track, update), Nack(HOT, update.version, "n", "no"))
    assert (track.refused, track.held) == (ONE.version, NOTHING)
    assert next_document(ONE, track, "m") is None
    assert next_document(TWO, track, "m").version == TWO.version
