"""The state tables of a node's processes, by events."""

import pytest

from edge.node import link_state
from edge.node.frames import BadFrame, Kind
from edge.node.link_state import CONNECTED, LOST, LinkState
from edge.node.processes import child_state
from edge.node.processes.child_state import ChildEvent, ChildState


def after(*events):
    state = ChildState.STARTING
    for event in events:
        state = child_state.next_state(state, event)
    return state


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ((ChildEvent.SAID_READY,), ChildState.READY),
        ((ChildEvent.SAID_READY, ChildEvent.ENDED), ChildState.WAITING),
        ((ChildEvent.ENDED, ChildEvent.DUE), ChildState.STARTING),
        ((ChildEvent.SAID_READY, ChildEvent.TOLD_TO_STOP, ChildEvent.ENDED), ChildState.GONE),
        ((ChildEvent.TOLD_TO_STOP, ChildEvent.SAID_READY, ChildEvent.ENDED), ChildState.GONE),
        ((ChildEvent.ENDED, ChildEvent.TOLD_TO_STOP, ChildEvent.DUE), ChildState.GONE),
    ],
)
def test_a_child(events, state):
    assert after(*events) is state


def test_pauses_before_a_restart_grow_and_end_within_a_bound():
    pauses = [child_state.pause_before_restart(failures) for failures in range(1, 40)]
    assert pauses[0] < 0.1
    assert pauses == sorted(pauses)
    assert pauses[-1] == child_state.MAX_PAUSE


def test_a_process_that_ran_for_long_starts_again_at_once():
    assert child_state.failures_after(7, child_state.STEADY_SECONDS) == 1
    assert child_state.failures_after(7, 0.1) == 8


def test_a_link_from_its_start_to_its_loss():
    state = LinkState.AWAY
    for event in (CONNECTED, Kind.STATE, Kind.BEGIN_SNAPSHOT, Kind.FILES, Kind.END_SNAPSHOT, Kind.REMOVED, Kind.FENCE):
        state = link_state.next_state(state, event)
    assert state is LinkState.SYNCED
    assert link_state.next_state(state, LOST) is LinkState.AWAY


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (LinkState.JOINING, Kind.FILES),  # files before rules: a viewer could be served without them
        (LinkState.SYNCED, Kind.BEGIN_SNAPSHOT),
        (LinkState.AWAY, Kind.FENCE),
        (LinkState.SYNCED, Kind.HELLO),
    ],
)
def test_what_breaches_the_protocol(state, event):
    with pytest.raises(BadFrame):
        link_state.next_state(state, event)
