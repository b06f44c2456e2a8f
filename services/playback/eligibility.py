"""Decide whether a viewer may play a title, and select its playlist, token lifetime and edges. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from kernel.vocabulary import TIER_LINES, Tier

MIN_TTL = 6 * 3600.0
"""Minimum lifetime of a token in seconds, unless token_ttl is set."""
TTL_SLACK = 3600.0
MAX_TTL = 48 * 3600.0
"""Maximum lifetime of a token in seconds, unless token_ttl is set; a retired key stays published that long."""
KBIT_BELOW = 100_000
"""A requested bitrate below this is in kbit/s, else in bit/s; no rendition is below 100 kbit/s."""
_BITRATE = re.compile(r"[1-9]\d{0,11}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PlaybackTitle:
    """A title for playback; `licensed` applies to the viewer's country.

    `renditions` are (lines, bit/s) of its video renditions, `duration` is in seconds, `streams` maps `hls`, `dash` and
    the tiers' `hls-sd` … to paths below the title.
    """

    title: str
    licensed: bool
    published: bool
    duration: float = 0.0
    renditions: tuple[tuple[int, int], ...] = ()
    streams: tuple[tuple[str, str], ...] = ()
    attribution: str = ""


@dataclass(frozen=True, slots=True)
class Denial:
    """Why playback is denied: the HTTP status, a reason word, and a sentence for the viewer."""

    status: int
    reason: str
    detail: str


def denial_for(film: PlaybackTitle | None, country: str | None) -> Denial | None:
    """Why a viewer in `country` (None = unknown) may not play a film; None if they may."""
    if film is None:
        return Denial(404, "title-unknown", "There is no such title.")
    if not film.licensed:
        if country is None:
            detail = "This title is available in some countries only, and your country is unknown."
            return Denial(451, "country-unknown", detail)
        return Denial(451, "country", f"This title is not available in your country ({country}).")
    if not film.published:
        return Denial(409, "not-published", "This title has not been published yet.")
    return None


def parse_bitrate(text: str | None) -> int | None:
    """Parse a requested maximum bitrate into bit/s; None for `auto`. Raises ValueError."""
    if text is None or text == "auto":
        return None
    if not _BITRATE.fullmatch(text):
        raise ValueError("must be `auto`, or a positive whole number of kbit/s (below 100000) or bit/s")
    value = int(text)
    return value * 1000 if value < KBIT_BELOW else value


def tier_for(film: PlaybackTitle, most: int | None) -> Tier | None:
    """The highest tier whose top rendition fits into `most` bit/s, else the lowest tier; None = no limit needed.

    Considers only tiers that have a playlist.
    """
    own = {name for name, _ in film.streams}
    tiers = [tier for tier in TIER_LINES if f"hls-{tier}" in own]
    if most is None or not tiers or max((rate for _, rate in film.renditions), default=0) <= most:
        return None
    fitting = [tier for tier in tiers if _top(film, tier) <= most]
    return fitting[-1] if fitting else tiers[0]


def _top(film: PlaybackTitle, tier: Tier) -> int:
    return max((rate for lines, rate in film.renditions if lines <= TIER_LINES[tier]), default=0)


def playlist_path(film: PlaybackTitle, kind: str, tier: Tier | None) -> str | None:
    """The path of the `hls` playlist or `dash` manifest: the tier's if it has one, else the full one."""
    known = dict(film.streams)
    return known.get(f"{kind}-{tier}" if tier else kind) or known.get(kind)


def token_lifetime(film: PlaybackTitle, setting: float | None) -> float:
    """Lifetime of a session's token: the setting, else the film's length plus an hour for pauses."""
    return setting if setting is not None else min(max(MIN_TTL, film.duration + TTL_SLACK), MAX_TTL)


def max_token_lifetime(setting: float | None) -> float:
    """The longest possible lifetime of a token, in seconds."""
    return setting if setting is not None else MAX_TTL


def edges_for(session: str, edges: Sequence[str]) -> list[str]:
    """All edges in the session's order of preference, by rendezvous hashing: load spreads, a session keeps its edge."""

    def weight(edge: str) -> bytes:
        return hashlib.blake2b(f"{session}\0{edge}".encode(), digest_size=8).digest()

    return sorted(edges, key=weight, reverse=True)
