"""The body of a start: URLs with the session's token, tracks by preference, where to go on. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kernel.auth.token import mint
from services.fleet.signing_key import NamedSigningKey
from services.playback.routing.pathways import pathway_id
from services.playback.sessions.session import Session
from services.playback.sessions.session_json import moment
from services.playback.start.eligibility import (
    PlaybackTitle,
    PlaybackTrack,
    playlist_path,
    playlist_tier,
    preferred_track,
)
from services.playback.viewer import Viewer


@dataclass(frozen=True)
class TokenSigning:
    """How to mint tokens: the key, the region in their path, their lifetime in seconds (None: automatic)."""

    key: NamedSigningKey
    region: str
    ttl: float | None


@dataclass(frozen=True, slots=True)
class StartedPlayback:
    """A session that has started: its title and viewer, edges (base URLs, best first) and what the player asked for."""

    session: Session
    title: PlaybackTitle
    viewer: Viewer
    country: str | None
    edges: Sequence[str]
    max_bitrate: int | None
    format: str
    drm: dict[str, Any]
    resume: float


def start_response(started: StartedPlayback, signing: TokenSigning, origin: str, heartbeat: float) -> dict[str, Any]:
    """The response; `origin` is the scheme and host of the services, `heartbeat` the interval in seconds."""
    session, title = started.session, started.title
    path = _token_path(started, signing)
    tier = playlist_tier(title, session.tier, started.max_bitrate)
    hls = playlist_path(title, "hls", tier) or "master.m3u8"
    dash = playlist_path(title, "dash", tier)
    base = started.edges[0]
    urls = {"hls": base + path + hls, "dash": base + path + dash if dash else None}
    name = dash if started.format == "dash" and dash else hls
    return {
        "streamUrl": base + path + name,
        "drmLicenseInfo": {name: _absolute(value, origin) for name, value in started.drm.items()},
        "sessionId": session.session_id,
        "resumePosition": started.resume,
        "heartbeatInterval": heartbeat,
        "format": started.format,
        "hlsUrl": urls["hls"],
        "dashUrl": urls["dash"],
        "expiresAt": moment(session.expires),
        "edges": [edge + path + name for edge in started.edges],
        "steeringUrl": f"{origin}/steering/{session.content_id}?session={session.session_id}",
        "wholeUrls": {kind: _whole_url(url, origin, session, base) for kind, url in urls.items()},
        "audio": _track_json(preferred_track(title, "audio", started.viewer.languages)),
        "subtitles": _track_json(_subtitles(title, started.viewer)),
        "tier": session.tier.value,
        "title": title.title,
        "contentId": session.content_id,
        "durationSeconds": title.duration,
        "attribution": title.attribution,
    }


def _absolute(value: Any, origin: str) -> Any:
    """A path of the services as a URL; any other value as it is."""
    return origin + value if isinstance(value, str) and value.startswith("/") else value


def _token_path(started: StartedPlayback, signing: TokenSigning) -> str:
    """The path of the title's files with the session's token. An operator's token has no limit of quality."""
    session = started.session
    scope = f"/cdn/{signing.region}/{session.content_id}/"
    token = mint(
        signing.key.key,
        signing.key.kid,
        path=scope,
        now=session.started,
        ttl=session.expires - session.started,
        session=session.session_id,
        country=started.country,
        tier=session.tier if session.account_id else None,
        network=None,
    )
    return f"/t/{token}{scope}"


def _whole_url(url: str | None, origin: str, session: Session, base: str) -> str | None:
    """The playlist or manifest with absolute URLs, for players that need them (Shaka)."""
    if url is None:
        return None
    rest = url.removeprefix(base)
    return f"{origin}/whole{rest}?session={session.session_id}&at={pathway_id(base)}"


def _subtitles(title: PlaybackTitle, viewer: Viewer) -> PlaybackTrack | None:
    return preferred_track(title, "subtitles", (viewer.subtitles,)) if viewer.subtitles else None


def _track_json(track: PlaybackTrack | None) -> dict[str, str] | None:
    return None if track is None else {"language": track.language, "name": track.name}
