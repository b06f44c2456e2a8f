"""What control notes of an edge and of one connection."""

from __future__ import annotations

from dataclasses import replace

import pytest

from control.desired.diff import Track
from control.fleet.session import ConnectionRejected, Edge, Session, check_hello
from kernel.fleet.messages import HOT, RULES, SETTINGS, Ack, Applied, Hello, Update, Version


def test_an_answer_is_due_sixty_seconds_after_the_oldest_update() -> None:
    session = Session(Edge(Hello("e1"), 0.0), {kind: Track(kind) for kind in (RULES, HOT)})
    assert session.answer_due() is None
    for kind, at in ((HOT, 7.0), (RULES, 5.0)):
        session.tracks[kind] = replace(session.tracks[kind], in_flight=Update(kind, Version("e", 1), "n", True))
        session.sent_at[kind] = at
    assert session.answer_due() == 65.0
    assert [session.nonce(), session.nonce()] == ["1", "2"]
    session.end("first")
    session.end("second")
    assert session.ended == "first"


def test_what_is_applied_is_noted_by_type_and_a_full_disk_until_it_is_over() -> None:
    edge = Edge(Hello("e1"), 0.0)
    edge.record_applied(Applied(SETTINGS, Version("e", 3), "no space"))
    assert (edge.applied, edge.errors) == ({}, {"settings on disk": "no space"})
    edge.record_applied(Applied(SETTINGS, Version("e", 3)))
    edge.record_applied(Applied("weather", Version("e", 3)))
    assert (edge.applied, edge.errors) == ({SETTINGS: 3}, {})


def test_the_first_words_are_a_hello() -> None:
    check_hello(Hello("e1", "shield", "eu", "127.0.0.1:1", "127.0.0.1:2", pop="fra1", release="0.4"))
    with pytest.raises(ConnectionRejected, match="hello first"):
        check_hello(Ack(RULES, Version("e", 1), "n"))
