"""The table of a fill's states."""

import itertools

import pytest

from cache.fills.fill import Fill
from cache.fills.fill_state import ENDED, TRANSITIONS, FillEvent, FillState, diagram
from kernel.errors import Bug


@pytest.mark.parametrize(
    ("events", "end"),
    [
        ("head-kept end", FillState.STORED),
        ("head-kept too-large end", FillState.PASSED_THROUGH),
        ("head-kept purged purged end", FillState.PASSED_THROUGH),
        ("head-kept error", FillState.FAILED),
        ("head-kept purged error", FillState.FAILED),
        ("head-passed end", FillState.PASSED_THROUGH),
        ("head-passed purged end", FillState.PASSED_THROUGH),
        ("head-passed error", FillState.FAILED),
        ("not-modified", FillState.NOT_MODIFIED),
        ("purged not-modified", FillState.NOT_MODIFIED),
        ("purged head-passed end", FillState.PASSED_THROUGH),
        ("error", FillState.FAILED),
        ("purged error", FillState.FAILED),
    ],
)
def test_the_ways_through(events, end):
    state = FillState.ASKED
    for event in events.split():
        state = TRANSITIONS[state, FillEvent(event)]
    assert state is end


@pytest.mark.parametrize(("state", "event"), list(itertools.product(FillState, FillEvent)))
def test_each_pair_is_in_the_table_or_a_bug(state, event):
    fill = Fill(b"/k", 0.0)
    fill.state = state
    if (state, event) in TRANSITIONS:
        fill._apply(event)
        assert fill.state is TRANSITIONS[state, event]
    else:
        with pytest.raises(Bug, match=f"does not allow {event}"):
            fill._apply(event)
        assert fill.state is state


def test_nothing_happens_after_the_end_and_every_state_comes_to_one():
    assert not [old for old, _ in TRANSITIONS if old in ENDED]
    reached = {FillState.ASKED} | set(TRANSITIONS.values())
    assert reached == set(FillState)
    for state in set(FillState) - ENDED:
        assert (state, FillEvent.ERROR) in TRANSITIONS


def test_the_diagram_shows_every_row():
    text = diagram()
    assert text.startswith("stateDiagram-v2\n    [*] --> ASKED\n")
    assert text.count(" --> ") == 1 + len(TRANSITIONS) + len(ENDED)
    assert "    FILLING --> PASSING_THROUGH: too-large" in text
