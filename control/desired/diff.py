"""Decide what to send an edge next: from what it holds to what is desired. Pure.

An edge has no queue but a `Track` per type: what it holds, what is in flight to it, what it refused. While an update is
in flight no other is sent, so a slow edge gets one delta, or one snapshot, of everything that happened since.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from control.desired.resources import Desired
from kernel.fleet.messages import NOTHING, Ack, Known, Nack, Update, Version

DELTA_SHARE = 0.5
"""A delta that would name more than this share of a type's resources is sent as a snapshot."""


@dataclass(frozen=True, slots=True)
class Track:
    """One edge's state for one type. `greeted`: it has been sent an update on this connection, perhaps an empty one."""

    type: str
    held: Version = NOTHING
    refused: Version = NOTHING
    in_flight: Update | None = None
    snapshot_wanted: bool = False
    greeted: bool = False
    error: str = ""

    @classmethod
    def from_hello(cls, known: Known) -> Track:
        """The track of an edge that just said hello."""
        return cls(known.type, known.version, known.refused)


def next_update(desired: Desired, track: Track, nonce: str) -> Update | None:
    """The update to send now; None if there is none, or one is in flight.

    An edge that holds everything gets one empty delta per connection, which says so. A refused version is not resent.
    """
    if track.in_flight is not None:
        return None
    target = desired.version(track.type)
    if target in (track.held, track.refused) and not track.snapshot_wanted:
        if track.greeted:
            return None
        return Update(track.type, track.held, nonce, snapshot=False, base=track.held.number)
    update = None if track.snapshot_wanted else _delta(desired, track, nonce)
    return update or _snapshot(desired, track.type, nonce)


def with_sent(track: Track, update: Update) -> Track:
    """The track once `update` is in flight."""
    return replace(track, in_flight=update, greeted=True, snapshot_wanted=False)


def with_answer(track: Track, answer: Ack | Nack) -> Track:
    """The track after the edge's answer; an answer to any but the update in flight changes nothing."""
    update = track.in_flight
    if update is None or answer.nonce != update.nonce:
        return track
    match answer:
        case Ack():
            return replace(track, held=update.version, in_flight=None, error="")
        case Nack(resync=True) if not update.snapshot:
            return replace(track, in_flight=None, snapshot_wanted=True, error=answer.error)
        case Nack():
            return replace(track, in_flight=None, refused=update.version, error=answer.error)


def is_ahead(desired: Desired, kind: str, version: Version) -> bool:
    """Whether control has never sent this version of a type: a node that claims it is mistaken, or lies."""
    return version.epoch == desired.epoch and version.number > desired.version(kind).number


def memoise_updates(
    make: Callable[[Desired, Track, str], Update | None], most: int = 32
) -> Callable[..., Update | None]:
    """`make`, remembering its results while `desired` stays the same: many edges need the same contents."""
    made: dict[tuple[str, Version, bool, bool], Update | None] = {}
    last: list[Desired] = []

    def remembered(desired: Desired, track: Track, nonce: str) -> Update | None:
        if track.in_flight is not None:
            return None
        if not last or last[0] is not desired:
            last[:] = [desired]
            made.clear()
        key = (track.type, track.held, track.snapshot_wanted, track.greeted)
        if track.refused == desired.version(track.type):
            return make(desired, track, nonce)
        if key not in made:
            if len(made) >= most:
                made.clear()
            made[key] = make(desired, track, "")
        update = made[key]
        return update and replace(update, nonce=nonce)

    return remembered


def _delta(desired: Desired, track: Track, nonce: str) -> Update | None:
    held = desired.resource_set(track.type)
    if track.held.epoch != desired.epoch or track.held.number > held.number:
        return None
    touched = held.touched_after(track.held.number)
    if touched is None or len(touched) > max(16, DELTA_SHARE * len(held.resources)):
        return None
    return Update(
        type=track.type,
        version=desired.version(track.type),
        nonce=nonce,
        snapshot=False,
        base=track.held.number,
        resources=tuple(held.resources[name] for name in sorted(touched) if name in held.resources),
        removed=tuple(sorted(name for name in touched if name not in held.resources)),
    )


def _snapshot(desired: Desired, kind: str, nonce: str) -> Update:
    return Update(
        type=kind,
        version=desired.version(kind),
        nonce=nonce,
        snapshot=True,
        resources=tuple(desired.resource_set(kind).resources.values()),
    )
