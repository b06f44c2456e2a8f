"""The state of a worker's link to the owner of the cache, as a table. Pure.

AWAY      no link: hits go on, misses pass through unstored
JOINING   connected; the rules in force have not arrived yet
SYNCING   rules are in force; the owner names its files
SYNCED    the index follows the owner's
"""

from __future__ import annotations

from enum import StrEnum

from edge.node.frames import BadFrame, Kind


class LinkState(StrEnum):
    """Where a worker's link stands."""

    AWAY = "away"
    JOINING = "joining"
    SYNCING = "syncing"
    SYNCED = "synced"


CONNECTED, LOST = "connected", "lost"

TRANSITIONS: dict[tuple[LinkState, Kind | str], LinkState] = {
    (LinkState.AWAY, CONNECTED): LinkState.JOINING,
    (LinkState.JOINING, Kind.STATE): LinkState.SYNCING,
    (LinkState.SYNCING, Kind.BEGIN_SNAPSHOT): LinkState.SYNCING,
    (LinkState.SYNCING, Kind.END_SNAPSHOT): LinkState.SYNCED,
    **{
        (state, kind): state
        for state in (LinkState.SYNCING, LinkState.SYNCED)
        for kind in (Kind.STATE, Kind.FILES, Kind.REMOVED, Kind.FENCE, Kind.RELOAD, Kind.ASK_COUNTS, Kind.DRAIN)
    },
    **{(state, LOST): LinkState.AWAY for state in LinkState},
}
"""(state, frame or event) -> state; a missing pair is a breach of the protocol."""


def next_state(state: LinkState, event: Kind | str) -> LinkState:
    """The state after a frame or an event. Raises BadFrame."""
    found = TRANSITIONS.get((state, event))
    if found is None:
        raise BadFrame(f"{event!r} cannot come while {state}")
    return found
