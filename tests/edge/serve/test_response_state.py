"""The table of a pending response's states."""

from __future__ import annotations

import pytest

from edge.serve.response_state import ENDED, TRANSITIONS, Event, State, diagram


@pytest.mark.parametrize(
    ("events", "end"),
    [
        ("end", State.DONE),
        ("head end", State.DONE),
        ("head bytes bytes end", State.DONE),
        ("left", State.LOST),
        ("head bytes left", State.LOST),
        ("error", State.FAILED),
        ("head bytes error", State.FAILED),
    ],
)
def test_the_ways_through(events: str, end: State) -> None:
    state = State.WAITING
    for event in events.split():
        state = TRANSITIONS[state, Event(event)]
    assert state is end


def test_nothing_happens_after_the_end_and_every_state_comes_to_one() -> None:
    assert not [old for old, _ in TRANSITIONS if old in ENDED]
    assert {State.WAITING} | set(TRANSITIONS.values()) == set(State)
    for state in set(State) - ENDED:
        assert {(state, Event.END), (state, Event.LEFT), (state, Event.ERROR)} <= set(TRANSITIONS)


def test_no_head_is_sent_twice_and_no_body_before_it() -> None:
    assert [old for old, event in TRANSITIONS if event is Event.HEAD] == [State.WAITING]
    assert (State.WAITING, Event.BYTES) not in TRANSITIONS


def test_the_diagram_shows_every_row() -> None:
    text = diagram()
    assert text.startswith("stateDiagram-v2\n    [*] --> WAITING\n")
    assert text.count(" --> ") == 1 + len(TRANSITIONS) + len(ENDED)
