"""How the players of a run behave, where it does not depend on the viewer."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum

import msgspec

from loadtest.player.abr import rule_named
from loadtest.player.cmcd import CmcdMode


class Format(StrEnum):
    """Which of a title's two manifests a gateway's answer is played by."""

    HLS = "hls"
    DASH = "dash"


@dataclass(frozen=True, slots=True)
class PlayerSettings:
    """One player's settings; the defaults are those of hls.js where it has such a setting. Times are story seconds."""

    abr: str = "hls.js"
    """`hls.js`, `bola`, or `fixed:BPS`."""
    buffer_bytes: int = 0
    """The buffer goal grows until this many bytes are buffered (hls.js `maxBufferSize`: 60 MB); 0: seconds only."""
    max_buffer_s: float = 600.0
    resume_after_s: float = 0.0
    """A wait ends once this much is buffered; 0: with the first segment."""
    first_frame_s: float = 0.15
    """From the first segments to the first picture; as measured in Chromium, where it is spent on the decoder."""
    gateway: str = ""
    """Base address of the platform's gateway, without a slash at the end; resolves titles, takes heartbeats."""
    format: Format = Format.HLS
    subtitles: str = "default"
    """`off`, `default` (the rendition that the title marks so), or a language such as `en`."""
    drm: str = ""
    """Key system to ask the gateway for: `clearkey`, `widevine`, `playready`, `fairplay`, `none`; empty: its choice."""
    licence_url: str = ""
    """Where to ask for the licence of an encrypted title, without a gateway that says so."""
    licence_challenge: str = ""
    """Base64 of a device's challenge, to send as it is; without one a Clear Key licence is asked for."""
    cmcd: CmcdMode = CmcdMode.OFF
    sends_events: bool = False
    """Send CMCD version 2 events to the gateway's `/events/cmcd`."""
    events_url: str = ""
    """Where to send them instead."""
    event_interval_s: float = 10.0
    heartbeat_s: float = 30.0
    """Where the gateway does not say how often."""
    max_failures: int = 7
    """Failures of one request in a row that end the session: the first and six retries."""
    failures_before_failover: int = 2
    retry_delay_s: float = 0.5
    """Doubles with each further failure, up to `max_retry_delay_s`."""
    max_retry_delay_s: float = 8.0
    timeout_s: float = 20.0
    carries_query: bool = False
    """Repeat the manifest's query on every address below it: some CDNs carry their token so."""
    processing_s: float = 0.005
    """Time that a segment takes to be parsed; it lowers the throughput estimate, as in a browser."""
    first_processing_s: float = 0.06
    """The same for the first segment: the parser is started for it."""


def settings_of(found: Mapping[str, object]) -> PlayerSettings:
    """Settings by name, as a story's `[player]` has them. Raises ValueError naming what is unknown or impossible."""
    known = {one.name for one in fields(PlayerSettings)}
    unknown = sorted(set(found) - known)
    if unknown:
        raise ValueError(f"player.{unknown[0]} is no setting; there are {', '.join(sorted(known))}")
    try:
        settings = msgspec.convert(dict(found), PlayerSettings)
        rule_named(settings.abr, 30.0)
        base64.b64decode(settings.licence_challenge, validate=True)
    except (msgspec.ValidationError, ValueError) as error:
        raise ValueError(f"player: {error}") from None
    return settings
