"""Whether a title plays for a viewer, and by which playlist. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from kernel.vocabulary import TIER_LINES, Tier

TTL = 6 * 3600.0
"""Seconds that a token is valid at least, unless a setting says otherwise."""
TTL_SLACK = 3600.0
MAX_TTL = 48 * 3600.0
"""Seconds that a token is valid at most, unless a setting says otherwise: so long a retired key is kept."""
KBIT_BELOW = 100_000
"""A bitrate below this is in kbit/s, from here on in bit/s: no rendition has 100 kbit/s written in bit/s."""
_BITRATE = re.compile(r"[1-9]\d{0,11}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Film:
    """What playback must know of a title; `licensed` is for the viewer's country.

    `tops` are (lines, bit/s) of its video renditions, `duration` is in seconds, `streams` maps `hls`, `dash` and the
    tiers' `hls-sd` … to paths below the title.
    """

    title: str
    licensed: bool
    published: bool
    duration: float = 0.0
    tops: tuple[tuple[int, int], ...] = ()
    streams: tuple[tuple[str, str], ...] = ()
    attribution: str = ""


@dataclass(frozen=True, slots=True)
class Denied:
    """Why it does not play: the HTTP status, a word, a sentence fit for the viewer."""

    status: int
    reason: str
    detail: str


def denial(film: Film | None, country: str | None) -> Denied | None:
    """Why a film does not play for a viewer in `country` (None = unknown); None when it does."""
    if film is None:
        return Denied(404, "title-unknown", "There is no such title.")
    if not film.licensed:
        if country is None:
            detail = "This title may be watched in some countries only, and yours cannot be told."
            return Denied(451, "country-unknown", detail)
        return Denied(451, "country", f"We are sorry: this title is not available in your country ({country}).")
    if not film.published:
        return Denied(409, "not-published", "This title is known, but nothing of it can be played yet.")
    return None


def bits(text: str | None) -> int | None:
    """The most bit/s that a viewer wants: None for `auto`. A number below 100,000 is kbit/s. ValueError otherwise."""
    if text is None or text == "auto":
        return None
    if not _BITRATE.fullmatch(text):
        raise ValueError("must be `auto`, or a positive whole number of kbit/s (below 100000) or bit/s")
    value = int(text)
    return value * 1000 if value < KBIT_BELOW else value


def tier_for(film: Film, most: int | None) -> Tier | None:
    """The tier whose top rendition fits into `most` bit/s: the highest that fits, else the lowest; None = all of it.

    Only tiers with a playlist of their own count.
    """
    own = {name for name, _ in film.streams}
    tiers = [tier for tier in TIER_LINES if f"hls-{tier}" in own]
    if most is None or not tiers or max((rate for _, rate in film.tops), default=0) <= most:
        return None
    fitting = [tier for tier in tiers if _top(film, tier) <= most]
    return fitting[-1] if fitting else tiers[0]


def _top(film: Film, tier: Tier) -> int:
    return max((rate for lines, rate in film.tops if lines <= TIER_LINES[tier]), default=0)


def stream(film: Film, kind: str, tier: Tier | None) -> str | None:
    """The path of the `hls` or `dash` playlist below the title, for a tier where there is one."""
    known = dict(film.streams)
    return known.get(f"{kind}-{tier}" if tier else kind) or known.get(kind)


def token_seconds(film: Film, setting: float | None) -> float:
    """How long a session's token is valid: as set, else long enough for the film with a pause."""
    return setting if setting is not None else min(max(TTL, film.duration + TTL_SLACK), MAX_TTL)


def longest_token(setting: float | None) -> float:
    """What no token outlives, in seconds."""
    return setting if setting is not None else MAX_TTL


def edges_for(session: str, edges: Sequence[str]) -> list[str]:
    """All edges, in an order of the session's own (rendezvous hashing): sessions spread, a session stays."""

    def weight(edge: str) -> bytes:
        return hashlib.blake2b(f"{session}\0{edge}".encode(), digest_size=8).digest()

    return sorted(edges, key=weight, reverse=True)
