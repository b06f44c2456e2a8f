"""Decide whether a viewer may play a title, and select its playlist, tracks and token lifetime. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from kernel.vocabulary import TIER_LINES, Tier
from services.playback.viewer import Viewer

MIN_TTL = 6 * 3600.0
"""Minimum lifetime of a token in seconds, unless token_ttl is set."""
TTL_SLACK = 3600.0
MAX_TTL = 48 * 3600.0
"""Maximum lifetime of a token in seconds, unless token_ttl is set; a retired key stays published that long."""
KBIT_BELOW = 100_000
"""A requested bitrate below this is in kbit/s, else in bit/s; no rendition is below 100 kbit/s."""
_BITRATE = re.compile(r"[1-9]\d{0,11}", re.ASCII)


class Availability(StrEnum):
    """Whether a title may be watched in a country now; the values are the catalogue's."""

    AVAILABLE = "available"
    NOT_RELEASED = "not-released"
    GONE = "gone"
    OTHER_COUNTRIES = "not-in-your-country"
    COUNTRY_UNKNOWN = "country-unknown"


class StartRefusal(StrEnum):
    """Why playback does not start: the reason word of the problem."""

    TITLE_UNKNOWN = "title-unknown"
    NOT_PUBLISHED = "not-published"
    COUNTRY = "not-in-your-country"
    NOT_RELEASED = "not-released"
    GONE = "gone"
    PLAN = "plan"
    MATURITY = "maturity"
    LOG_IN = "log-in"
    TOO_MANY_STREAMS = "too-many-streams"
    FORMAT = "format-unavailable"


START_REFUSAL_STATUS = {
    StartRefusal.TITLE_UNKNOWN: 404,
    StartRefusal.NOT_PUBLISHED: 409,
    StartRefusal.COUNTRY: 451,
    StartRefusal.NOT_RELEASED: 403,
    StartRefusal.GONE: 410,
    StartRefusal.PLAN: 403,
    StartRefusal.MATURITY: 403,
    StartRefusal.LOG_IN: 401,
    StartRefusal.TOO_MANY_STREAMS: 409,
    StartRefusal.FORMAT: 409,
}

START_REFUSAL_SENTENCES = {
    StartRefusal.TITLE_UNKNOWN: "There is no such title.",
    StartRefusal.NOT_PUBLISHED: "This title has not been published yet.",
    StartRefusal.COUNTRY: "This title is not available in your country.",
    StartRefusal.NOT_RELEASED: "This title has not been released in your country yet.",
    StartRefusal.GONE: "This title is no longer available.",
    StartRefusal.PLAN: "This title needs a higher plan than yours.",
    StartRefusal.MATURITY: "This title is not for the age of this profile.",
    StartRefusal.LOG_IN: "Log in to watch.",
    StartRefusal.TOO_MANY_STREAMS: "Your plan's screens are all in use: stop one of them to watch here.",
    StartRefusal.FORMAT: "This title is not published in the requested format.",
}

_LICENCE_REFUSALS = {
    Availability.NOT_RELEASED: StartRefusal.NOT_RELEASED,
    Availability.GONE: StartRefusal.GONE,
    Availability.OTHER_COUNTRIES: StartRefusal.COUNTRY,
    Availability.COUNTRY_UNKNOWN: StartRefusal.COUNTRY,
}


@dataclass(frozen=True, slots=True)
class PlaybackTrack:
    """An audio or subtitle track; `kind` is `audio` or `subtitles`, `language` by BCP 47."""

    kind: str
    language: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class TitleEncryption:
    """How a title is encrypted: `scheme` cbcs or cenc, (label, key id in hexadecimal) of SD, HD, UHD, AUDIO."""

    scheme: str
    key_ids: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class PlaybackTitle:
    """A title for playback; `availability` is that of the viewer's country now.

    `available_at`: when it opens or closed, Unix seconds. `renditions` are (lines, bit/s) of its video renditions,
    `duration` is in seconds, `streams` maps `hls`, `dash` and the tiers' `hls-sd` … to paths below the title. `tier` is
    the lowest plan that may watch it, `maturity` the minimum age.
    """

    title: str
    availability: Availability
    published: bool
    duration: float = 0.0
    renditions: tuple[tuple[int, int], ...] = ()
    streams: tuple[tuple[str, str], ...] = ()
    attribution: str = ""
    available_at: float | None = None
    tier: Tier | None = None
    maturity: int | None = None
    tracks: tuple[PlaybackTrack, ...] = ()
    encryption: TitleEncryption | None = None


@dataclass(frozen=True, slots=True)
class Denial:
    """Why playback is denied, with a sentence for the viewer."""

    reason: StartRefusal
    detail: str

    @property
    def status(self) -> int:
        """The HTTP status."""
        return START_REFUSAL_STATUS[self.reason]


def deny(reason: StartRefusal) -> Denial:
    """The denial with the reason's own sentence."""
    return Denial(reason, START_REFUSAL_SENTENCES[reason])


def licence_denial(film: PlaybackTitle | None, country: str | None) -> Denial | None:
    """Why nobody in `country` (None = unknown) may play a film; None if some viewers may."""
    if film is None:
        return deny(StartRefusal.TITLE_UNKNOWN)
    reason = _LICENCE_REFUSALS.get(film.availability)
    if film.availability is Availability.COUNTRY_UNKNOWN:
        detail = "This title is available in some countries only, and your country is unknown."
        return Denial(StartRefusal.COUNTRY, detail)
    if reason is StartRefusal.COUNTRY:
        return Denial(reason, f"This title is not available in your country ({country or 'unknown'}).")
    if reason is StartRefusal.NOT_RELEASED and film.available_at is not None:
        day = datetime.fromtimestamp(film.available_at, UTC).date()
        return Denial(reason, f"This title will be available from {day.isoformat()}.")
    if reason is not None:
        return deny(reason)
    return None if film.published else deny(StartRefusal.NOT_PUBLISHED)


def start_denial(film: PlaybackTitle | None, viewer: Viewer, country: str | None) -> Denial | None:
    """Why this viewer may not play a film; None if they may."""
    denial = licence_denial(film, country)
    if denial is not None or film is None:
        return denial
    plan = viewer.plan
    if plan.countries is not None and country not in plan.countries:
        return Denial(StartRefusal.COUNTRY, f"Your plan does not cover your country ({country or 'unknown'}).")
    if film.tier is not None and TIER_LINES[plan.tier] < TIER_LINES[film.tier]:
        return Denial(
            StartRefusal.PLAN, f"This title needs the plan {film.tier.upper()}; yours is {plan.tier.upper()}."
        )
    if film.maturity is not None and viewer.maturity_max is not None and film.maturity > viewer.maturity_max:
        return Denial(StartRefusal.MATURITY, f"This title is for viewers of {film.maturity} and above.")
    return None


def parse_bitrate(text: str | None) -> int | None:
    """Parse a requested maximum bitrate into bit/s; None for `auto`. Raises ValueError."""
    if text is None or text == "auto":
        return None
    if not _BITRATE.fullmatch(text):
        raise ValueError("must be `auto`, or a positive whole number of kbit/s (below 100000) or bit/s")
    value = int(text)
    return value * 1000 if value < KBIT_BELOW else value


def token_tier(film: PlaybackTitle, plan: Tier) -> Tier:
    """The tier up to which the edges serve: the plan's, or the film's lowest where nothing of it is within the plan."""
    lines = [height for height, _ in film.renditions if height > 0]
    lowest = min(lines, default=0)
    if lowest <= TIER_LINES[plan]:
        return plan
    return next((tier for tier in TIER_LINES if lowest <= TIER_LINES[tier]), Tier.UHD)


def playlist_tier(film: PlaybackTitle, allowed: Tier, max_bitrate: int | None) -> Tier | None:
    """The tier whose playlist fits the allowed tier and bit/s; None = the full playlist fits.

    Considers only tiers that have a playlist. Where none fits the bitrate, the lowest one is given.
    """
    own = {name for name, _ in film.streams}
    tiers = [tier for tier in TIER_LINES if f"hls-{tier}" in own and TIER_LINES[tier] <= TIER_LINES[allowed]]
    top_lines = max((lines for lines, _ in film.renditions), default=0)
    top_rate = max((rate for _, rate in film.renditions), default=0)
    within_rate = max_bitrate is None or top_rate <= max_bitrate
    if not tiers or (top_lines <= TIER_LINES[allowed] and within_rate):
        return None
    fitting = [tier for tier in tiers if max_bitrate is None or _top_rate(film, tier) <= max_bitrate]
    return fitting[-1] if fitting else tiers[0]


def _top_rate(film: PlaybackTitle, tier: Tier) -> int:
    return max((rate for lines, rate in film.renditions if lines <= TIER_LINES[tier]), default=0)


def playlist_path(film: PlaybackTitle, kind: str, tier: Tier | None) -> str | None:
    """The path of the `hls` playlist or `dash` manifest: the tier's if it has one, else the full one."""
    known = dict(film.streams)
    return known.get(f"{kind}-{tier}" if tier else kind) or known.get(kind)


def preferred_track(film: PlaybackTitle, kind: str, languages: Sequence[str]) -> PlaybackTrack | None:
    """The track in the viewer's first language that has one: the exact tag, else the same language elsewhere."""
    tracks = [track for track in film.tracks if track.kind == kind]
    for language in languages:
        wanted = language.casefold()
        exact = [track for track in tracks if track.language.casefold() == wanted]
        near = [track for track in tracks if _primary(track.language) == _primary(wanted)]
        if exact or near:
            return (exact or near)[0]
    return None


def _primary(language: str) -> str:
    return language.casefold().partition("-")[0]


def token_lifetime(film: PlaybackTitle, setting: float | None) -> float:
    """Lifetime of a session's token: the setting, else the film's length plus an hour for pauses."""
    return setting if setting is not None else min(max(MIN_TTL, film.duration + TTL_SLACK), MAX_TTL)


def max_token_lifetime(setting: float | None) -> float:
    """The longest possible lifetime of a token, in seconds."""
    return setting if setting is not None else MAX_TTL
