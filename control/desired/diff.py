"""What an edge is to be sent next: pure, from what it holds to what is desired.

An edge has no queue. It has a `Track` per type: what it holds, what is on its way to it, what it refused. While
something is on its way nothing else is sent, so a slow edge gets one delta, or a snapshot, over all that happened
meanwhile.
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
    """One edge and one type. `greeted`: it was sent something on this connection, be it only "you have it all"."""

    type: str
    held: Version = NOTHING
    refused: Version = NOTHING
    on_its_way: Update | None = None
    snapshot_wanted: bool = False
    greeted: bool = False
    error: str = ""

    @classmethod
    def of(cls, known: Known) -> Track:
        """The track of an edge that just said hello."""
        return cls(known.type, known.version, known.refused)


def next_update(desired: Desired, track: Track, nonce: str) -> Update | None:
    """What to send now; None when there is nothing to send, or something is still on its way.

    An edge that holds everything is told so once a connection, by an empty delta. A refused version is not sent again.
    """
    if track.on_its_way is not None:
        return None
    target = desired.version(track.type)
    if target in (track.held, track.refused) and not track.snapshot_wanted:
        if track.greeted:
            return None
        return Update(track.type, track.held, nonce, snapshot=False, base=track.held.number)
    update = None if track.snapshot_wanted else _delta(desired, track, nonce)
    return update or _snapshot(desired, track.type, nonce)


def sent(track: Track, update: Update) -> Track:
    """The track once `update` is on its way."""
    return replace(track, on_its_way=update, greeted=True, snapshot_wanted=False)


def answered(track: Track, answer: Ack | Nack) -> Track:
    """The track after the edge's answer; one that belongs to no update on its way changes nothing."""
    update = track.on_its_way
    if update is None or answer.nonce != update.nonce:
        return track
    match answer:
        case Ack():
            return replace(track, held=update.version, on_its_way=None, error="")
        case Nack(resync=True) if not update.snapshot:
            return replace(track, on_its_way=None, snapshot_wanted=True, error=answer.error)
        case Nack():
            return replace(track, on_its_way=None, refused=update.version, error=answer.error)


def is_ahead(desired: Desired, kind: str, version: Version) -> bool:
    """Whether this is a version of a type that control has never said: whoever claims it is mistaken, or lies."""
    return version.epoch == desired.epoch and version.number > desired.version(kind).number


def remembering(make: Callable[[Desired, Track, str], Update | None], most: int = 32) -> Callable[..., Update | None]:
    """`next_update` that makes the same contents once for many edges, for as long as `desired` stays the same."""
    made: dict[tuple[str, Version, bool, bool], Update | None] = {}
    last: list[Desired] = []

    def remembered(desired: Desired, track: Track, nonce: str) -> Update | None:
        if track.on_its_way is not None:
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
    shelf = desired.resource_set(track.type)
    if track.held.epoch != desired.epoch or track.held.number > shelf.number:
        return None
    touched = shelf.touched_after(track.held.number)
    if touched is None or len(touched) > max(16, DELTA_SHARE * len(shelf.resources)):
        return None
    return Update(
        type=track.type,
        version=desired.version(track.type),
        nonce=nonce,
        snapshot=False,
        base=track.held.number,
        resources=tuple(shelf.resources[name] for name in sorted(touched) if name in shelf.resources),
        removed=tuple(sorted(name for name in touched if name not in shelf.resources)),
    )


def _snapshot(desired: Desired, kind: str, nonce: str) -> Update:
    return Update(
        type=kind,
        version=desired.version(kind),
        nonce=nonce,
        snapshot=True,
        resources=tuple(desired.resource_set(kind).resources.values()),
    )
