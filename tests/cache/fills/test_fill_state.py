"""The table of a fill's states."""

import itertools
from contextlib import nullcontext

import pytest

from cache.entry import Entry
from cache.fills.fill import Fill
from cache.fills.fill_state import ENDED, TRANSITIONS, FillEvent, FillState, diagram
from kernel.errors import Bug, UpstreamFailed
from kernel.fetch_reasons import UpstreamReason


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
def test_paths_to_each_end(events, end):
    state = FillState.ASKED
    for event in events.split():
        state = TRANSITIONS[state, FillEvent(event)]
    assert state is end


ENTRY = Entry(b"/k", 200, [], 1)
CALLS = {
    FillEvent.HEAD_KEPT: lambda fill: fill.receive_head(ENTRY, kept=True),
    FillEvent.HEAD_PASSED: lambda fill: fill.receive_head(ENTRY, kept=False),
    FillEvent.HEAD_SLICED: lambda fill: fill.redirect_to_slices(ENTRY),
    FillEvent.NOT_MODIFIED: lambda fill: fill.not_modified(ENTRY),
    FillEvent.TOO_LARGE: lambda fill: fill.stop_keeping(FillEvent.TOO_LARGE),
    FillEvent.PURGED: lambda fill: fill.stop_keeping(FillEvent.PURGED),
    FillEvent.END: lambda fill: fill.end(),
    FillEvent.ERROR: lambda fill: fill.fail(UpstreamFailed(UpstreamReason.TRUNCATED)),
}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(FillState, FillEvent)))
def test_a_call_follows_the_table_or_is_a_bug(state, event):
    fill = Fill(b"/k", 0.0)
    fill.state = state
    if (state, event) in TRANSITIONS:
        CALLS[event](fill)
        assert fill.state is TRANSITIONS[state, event]
        return
    # A fetch may fail after its fill has ended: that alone is no bug.
    with nullcontext() if event is FillEvent.ERROR else pytest.raises(Bug, match=f"does not allow {event}"):
        CALLS[event](fill)
    assert fill.state is state


def test_every_state_is_reached_and_can_end():
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
