"""What happened in a session, whatever format said it: the one event that views are made from. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Source(StrEnum):
    """Who said it. Each source has a clock and an order of its own."""

    CMCD = "cmcd"
    """The player's CMCD v2 event mode."""
    PLAYER = "player"
    """Our page or app, by `POST /events`."""
    PLAYBACK = "playback"
    """The playback service, which knows the title and the viewer's country."""
    EDGE = "edge"
    """An edge's access log."""


class Signal(StrEnum):
    """What happened."""

    PRELOAD = "preload"
    INTENT = "intent"
    """The viewer asked to play."""
    PLAYING = "playing"
    WAITING = "waiting"
    """The picture stands still because nothing is buffered."""
    SEEKING = "seeking"
    SOUGHT = "sought"
    """A seek has ended; the player did not say when it began."""
    PAUSED = "paused"
    ENDED = "ended"
    """The title has been played to its end."""
    QUIT = "quit"
    """The viewer has left."""
    FATAL = "fatal"
    """The player gave up."""
    ERROR = "error"
    """An error that the player went on from."""
    BITRATE = "bitrate"
    HEARTBEAT = "heartbeat"
    RESPONSE = "response"
    """A response to a request for media."""
    KNOWN = "known"
    """Nothing happened; a source tells what it knows of the session."""
    OTHER = "other"
    """A micro-event that changes no view, such as a click."""


class ViewEvent(NamedTuple):
    """One event. Times in seconds: `at` by the sender's clock, `received` by ours, both since 1970.

    `sequence` orders events of one `at`; -1 where the sender counts none. `position` is in the title, in seconds, -1
    where it is not known; `bitrate` in kbit/s; `startup` in seconds where the sender measured it, else -1. `name` is
    the event's own name in its format, `code` the code of an error or the status of a response.
    """

    session: str
    at: float
    received: float
    source: Source
    signal: Signal
    name: str
    sequence: int = -1
    content_id: str = ""
    position: float = -1.0
    duration: float = -1.0
    bitrate: int = 0
    startup: float = -1.0
    code: str = ""
    edge: str = ""
    region: str = ""
    player: str = ""
    device: str = ""
    app_version: str = ""
    country: str = ""
    subject: str = ""
    bytes: int = 0
    raw: str = ""


def hash_event(event: ViewEvent) -> int:
    """A number of 63 bits for an event's identity, the same in every process."""
    mixed = (round(event.at * 1000) * 1_000_003 + event.sequence) * 1_000_003
    for letter in event.source[0] + event.name:
        mixed = mixed * 131 + ord(letter)
    return mixed & 0x7FFF_FFFF_FFFF_FFFF
