"""The table of a pending response's states."""

from __future__ import annotations

import pytest

from edge.serve.response_state import ENDED, TRANSITIONS, ResponseEvent, ResponseState, diagram


@pytest.mark.parametrize(
    ("events", "end"),
    [
        ("end", ResponseState.DONE),
        ("head end", ResponseState.DONE),
        ("head bytes bytes end", ResponseState.DONE),
        ("left", ResponseState.LOST),
        ("head bytes left", ResponseState.LOST),
        ("error", ResponseState.FAILED),
        ("head bytes error", ResponseState.FAILED),
    ],
)
def test_the_ways_through(events: str, end: ResponseState) -> None:
    state = ResponseState.WAITING
    for event in events.split():
        state = TRANSITIONS[state, ResponseEvent(event)]
    assert state is end


def test_nothing_happens_after_the_end_and_every_state_comes_to_one() -> None:
    assert not [old for old, _ in TRANSITIONS if old in ENDED]
    assert {ResponseState.WAITING} | set(TRANSITIONS.values()) == set(ResponseState)
    for state in set(ResponseState) - ENDED:
        assert {(state, ResponseEvent.END), (state, ResponseEvent.LEFT), (state, ResponseEvent.ERROR)} <= set(
            TRANSITIONS
        )


def test_no_head_is_sent_twice_and_no_body_before_it() -> None:
    assert [old for old, event in TRANSITIONS if event is ResponseEvent.HEAD] == [ResponseState.WAITING]
    assert (ResponseState.WAITING, ResponseEvent.BYTES) not in TRANSITIONS


def test_the_diagram_shows_every_row() -> None:
    text = diagram()
    assert text.startswith("stateDiagram-v2\n    [*] --> WAITING\n")
    assert text.count(" --> ") == 1 + len(TRANSITIONS) + len(ENDED)
