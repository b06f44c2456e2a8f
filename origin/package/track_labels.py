"""What menus and players are told of audio tracks and subtitles: names, languages, roles, accessibility. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from origin.encode.plan import AudioTrack, TextTrack
from origin.encode.source import Disposition
from origin.package.languages import language_name, language_tag

_PURPOSE = "urn:tva:metadata:cs:AudioPurposeCS:2007"
_FOR_DEAF = "public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound"
_FOR_BLIND = "public.accessibility.describes-video"
MAX_NAME = 80


@dataclass(frozen=True, slots=True)
class TrackLabel:
    """`name` is the only one of its group; `language` a tag, "" if unknown.

    `characteristics`: Apple's, joined by commas. `roles`: DASH's; `purpose`: the value of the TV-Anytime scheme, or "".
    """

    name: str
    language: str
    default: bool
    autoselect: bool
    forced: bool
    characteristics: str
    roles: tuple[str, ...]
    purpose: str

    @property
    def accessibility(self) -> tuple[str, str] | None:
        """DASH's Accessibility element: scheme and value."""
        return (_PURPOSE, self.purpose) if self.purpose else None


def label_audio(tracks: Sequence[AudioTrack]) -> dict[str, TrackLabel]:
    """The labels by track name. Stereo and 5.1 of one stream have one label: they are in groups of their own."""
    streams: dict[int, AudioTrack] = {}
    for track in tracks:
        streams.setdefault(track.index, track)
    names = dict(zip(streams, _names(list(streams.values())), strict=True))
    found = {}
    for track in tracks:
        use = track.disposition
        special = use.commentary or use.visual_impaired
        roles = ["main"] if use.default else []
        roles += ["commentary"] if use.commentary else ["description"] if use.visual_impaired else []
        roles += ["dub"] if use.dubbed else []
        found[track.name] = TrackLabel(
            name=names[track.index],
            language=language_tag(track.language),
            default=use.default,
            autoselect=use.default or not special,
            forced=False,
            characteristics=_FOR_BLIND if use.visual_impaired else "",
            roles=tuple(roles) or ("alternate",),
            purpose="1" if use.visual_impaired else "",
        )
    return found


def label_text(tracks: Sequence[TextTrack]) -> dict[str, TrackLabel]:
    """The labels of subtitles by track name; at most one is shown without being asked for (DEFAULT)."""
    found: dict[str, TrackLabel] = {}
    for track, name in zip(tracks, _names(tracks), strict=True):
        use = track.disposition
        role = "forced-subtitle" if use.forced else "caption" if use.hearing_impaired else "subtitle"
        found[track.name] = TrackLabel(
            name=name,
            language=language_tag(track.language),
            default=use.default and not any(one.default for one in found.values()),
            autoselect=use.default or use.forced or not use.commentary,
            forced=use.forced,
            characteristics=_FOR_DEAF if use.hearing_impaired else "",
            roles=(role, *(("commentary",) if use.commentary else ())),
            purpose="2" if use.hearing_impaired else "",
        )
    return found


def _names(tracks: Sequence[AudioTrack | TextTrack]) -> list[str]:
    """A name each, unique (RFC 8216 §4.3.4.1.1): the title where no other track has it, else language and use."""
    titles = [_clean(track.title) for track in tracks]
    wanted = [
        title if title and titles.count(title) == 1 else language_name(track.language) + _use(track.disposition)
        for title, track in zip(titles, tracks, strict=True)
    ]
    made: list[str] = []
    for name in wanted:
        number, unique = 2, name
        while unique in made:
            unique, number = f"{name} {number}", number + 1
        made.append(unique)
    return made


def _use(use: Disposition) -> str:
    words = [
        word
        for word, given in (
            ("commentary", use.commentary),
            ("audio description", use.visual_impaired),
            ("SDH", use.hearing_impaired),
            ("forced", use.forced),
        )
        if given
    ]
    return f" ({', '.join(words)})" if words else ""


def _clean(title: str) -> str:
    """A title without what a quoted string cannot hold (RFC 8216 §4.2)."""
    return "".join(mark for mark in title if mark.isprintable() and mark != '"').strip()[:MAX_NAME]
