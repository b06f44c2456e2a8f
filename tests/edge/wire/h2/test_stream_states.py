"""The table of states: nothing that a viewer may send is missing in it."""

from __future__ import annotations

import pytest

from edge.wire.h2.stream_states import CLOSED, TRANSITIONS, StreamInput, StreamState, Wrong


@pytest.mark.parametrize("state", StreamState)
@pytest.mark.parametrize("what", StreamInput)
def test_every_state_knows_every_input(state: StreamState, what: StreamInput) -> None:
    assert (state, what) in TRANSITIONS


@pytest.mark.parametrize(("at", "to"), TRANSITIONS.items())
def test_a_closed_stream_never_opens_again(at: tuple[StreamState, StreamInput], to: object) -> None:
    assert at[0] not in CLOSED or to is None or isinstance(to, Wrong)


def test_every_state_is_reached() -> None:
    reached = {to for to in TRANSITIONS.values() if isinstance(to, StreamState)}
    by_us = {StreamState.ENDED, StreamState.RESET, StreamState.FORGOTTEN, StreamState.IDLE}
    assert reached | by_us == set(StreamState)
