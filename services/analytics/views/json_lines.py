"""Reads the JSON that the page, the playback service and edges write to the event log into view events. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from services.analytics.views.cmcd_line import place_of
from services.analytics.views.view_event import Signal, Source, ViewEvent

SIGNALS: Mapping[str, Signal] = {
    "start": Signal.INTENT,
    "first-frame": Signal.PLAYING,
    "play": Signal.PLAYING,
    "pause": Signal.PAUSED,
    "seek": Signal.SOUGHT,
    "stall": Signal.WAITING,
    "resume": Signal.PLAYING,
    "switch": Signal.BITRATE,
    "error": Signal.ERROR,
    "stop": Signal.QUIT,
    "complete": Signal.ENDED,
}
"""What a player's event type means for a view. Other types, such as `hover`, change none."""


# The columns of the lake hold 64 bits: what is beyond these bounds is kept as text only, whoever let it in.
Moment = Annotated[float, Meta(ge=0, le=1e11)]
Number = Annotated[int, Meta(ge=-1, le=2**53)]
Seconds = Annotated[float, Meta(ge=-1e7, le=1e7)]


class _Player(Struct, rename="camel"):
    type: str
    session_id: str = ""
    at: Moment = 0.0
    sequence: Number = -1
    content_id: str = ""
    position: Seconds | None = None
    startup: Seconds | None = None
    bitrate: Number | None = None
    edge: str = ""
    code: str = ""
    fatal: bool = False
    device: str = ""
    player: str = ""
    app_version: str = ""


class _Playback(Struct, rename="camel"):
    event: str
    session_id: str
    content_id: str = ""
    position: Seconds = -1.0
    duration: Seconds | None = None


class _Access(Struct):
    time: Moment
    node: str = ""
    session: str | None = None
    path: str = ""
    status: Number = 0
    bytes: Number = 0
    country: str | None = None
    reason: str | None = None


_raws = msgspec.json.Decoder(list[msgspec.Raw])
_player = msgspec.json.Decoder(_Player)
_playback = msgspec.json.Decoder(_Playback)
_access = msgspec.json.Decoder(_Access)


def read_player_list(body: bytes, received: float, country: str = "") -> Iterator[ViewEvent]:
    """The events of a JSON list that `POST /events` accepted; what cannot be read is left out."""
    try:
        raws = _raws.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    for raw in raws:
        try:
            told = _player.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        signal = SIGNALS.get(told.type, Signal.OTHER)
        edge, _ = place_of(told.edge)
        yield ViewEvent(
            session=told.session_id, at=told.at, received=received, source=Source.PLAYER,
            signal=Signal.FATAL if signal is Signal.ERROR and told.fatal else signal,
            name=told.type, sequence=told.sequence, content_id=told.content_id,
            position=-1.0 if told.position is None else told.position, bitrate=(told.bitrate or 0) // 1000,
            startup=-1.0 if told.startup is None else told.startup, code=told.code, edge=edge or told.edge,
            player=told.player, device=told.device, app_version=told.app_version, country=country,
            raw=bytes(raw).decode("utf-8", "replace"),
        )  # fmt: skip


def read_playback(body: bytes, received: float, subject: str = "", country: str = "") -> ViewEvent | None:
    """What the playback service says of a session."""
    try:
        told = _playback.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return ViewEvent(
        session=told.session_id, at=received, received=received, source=Source.PLAYBACK, signal=Signal.KNOWN,
        name=told.event, content_id=told.content_id, position=told.position if told.event == "stop" else -1.0,
        duration=told.duration or -1.0, country=country, subject=subject, raw=body.decode("utf-8", "replace"),
    )  # fmt: skip


def read_access_line(line: bytes, received: float) -> ViewEvent | None:
    """A line of an edge's access log; None for what is not a response to a path of the CDN."""
    try:
        told = _access.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    _, region = place_of(told.path)
    return ViewEvent(
        session=told.session or "", at=told.time, received=received, source=Source.EDGE, signal=Signal.OTHER,
        name=_object_kind(told.path), content_id=_title_of(told.path), code=str(told.status), edge=told.node,
        region=region, country=told.country or "", bytes=told.bytes, raw=line.decode("utf-8", "replace"),
    )  # fmt: skip


_SEGMENTS = (".m4s", ".ts", ".mp4")


def _object_kind(path: str) -> str:
    return "segment" if path.endswith(_SEGMENTS) and not path.endswith("init.mp4") else "request"


def _title_of(path: str) -> str:
    names = path.split("/", 5)
    return names[3][:64] if len(names) > 4 and names[1] == "cdn" else ""
