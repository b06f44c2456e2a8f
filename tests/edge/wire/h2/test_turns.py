"""Whose turn it is."""

from __future__ import annotations

import pytest

from edge.wire.h2.turns import Turns, urgency_of


@pytest.mark.parametrize(
    ("field", "urgency"),
    [
        (None, 3), (b"", 3), (b"u=0", 0), (b"u=7, i", 7), (b"i, u=5", 5), (b"u=1;x=y,i", 1), (b"u=8", 3), (b"u=-1", 3),
        (b"u=a", 3), (b"u=1,u=2", 2), (b"U=1", 3), (b"xu=1", 3), (b'u="1"', 3), (b"\xff", 3),
    ],
)  # fmt: skip
def test_the_urgency_of_a_priority_field(field: bytes | None, urgency: int) -> None:
    assert urgency_of(field) == urgency


def test_the_urgent_go_first_and_equals_in_turn() -> None:
    turns: Turns[str] = Turns()
    for one, urgency in (("a", 3), ("b", 3), ("c", 1), ("a", 0)):
        turns.join(one, urgency)
    order = []
    for again in (True, False, False, False):
        one = turns.next()
        assert one is not None
        order.append(one)
        if again:
            turns.join(one, 3)
    assert (order, turns.next(), bool(turns)) == (["c", "a", "b", "c"], None, False)


def test_who_leaves_has_no_turn() -> None:
    turns: Turns[str] = Turns()
    turns.join("a", 3)
    turns.join("b", 3)
    turns.leave("a")
    turns.leave("a")
    assert (turns.next(), turns.next()) == ("b", None)
