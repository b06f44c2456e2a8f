"""The table of a fill's states."""

import itertools

import pytest

from cache.fills.fill import Fill
from cache.fills.fill_state import ENDED, TRANSITIONS, Event, State, diagram
from kernel.errors import Bug


@pytest.mark.parametrize(
    ("events", "end"),
    [
        ("head-kept end", State.STORED),
        ("head-kept too-large end", State.PASSED_THROUGH),
        ("head-kept purged purged end", State.PASSED_THROUGH),
        ("head-kept error", State.FAILED),
        ("head-kept purged error", State.FAILED),
        ("head-passed end", State.PASSED_THROUGH),
        ("head-passed purged end", State.PASSED_THROUGH),
        ("head-passed error", State.FAILED),
        ("not-modified", State.NOT_MODIFIED),
        ("purged not-modified", State.NOT_MODIFIED),
        ("purged head-passed end", State.PASSED_THROUGH),
        ("error", State.FAILED),
        ("purged error", State.FAILED),
    ],
)
def test_the_ways_through(events, end):
    state = State.ASKED
    for event in events.split():
        state = TRANSITIONS[state, Event(event)]
    assert state is end


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, Event)))
def test_each_pair_is_in_the_table_or_a_bug(state, event):
    fill = Fill(b"/k", 0.0)
    fill.state = state
    if (state, event) in TRANSITIONS:
        fill._move(event)
        assert fill.state is TRANSITIONS[state, event]
    else:
        with pytest.raises(Bug, match=f"cannot take {event}"):
            fill._move(event)
        assert fill.state is state


def test_nothing_happens_after_the_end_and_every_state_comes_to_one():
    assert not [old for old, _ in TRANSITIONS if old in ENDED]
    reached = {State.ASKED} | set(TRANSITIONS.values())
    assert reached == set(State)
    for state in set(State) - ENDED:
        assert (state, Event.ERROR) in TRANSITIONS


def test_the_diagram_shows_every_row():
    text = diagram()
    assert text.startswith("stateDiagram-v2\n    [*] --> ASKED\n")
    assert text.count(" --> ") == 1 + len(TRANSITIONS) + len(ENDED)
    assert "    FILLING --> PASSING_THROUGH: too-large" in text
