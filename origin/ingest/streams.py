"""From ffprobe's JSON to the streams of a film: which picture, sound and text, and what is left out. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from kernel.errors import BadRequest
from origin.encode.source import (
    UNKNOWN_LANGUAGE,
    AudioStream,
    Disposition,
    Dropped,
    DropReason,
    TextStream,
)
from origin.ingest.timeline import Timeline

Stream = Mapping[str, Any]

_STILL_CODECS = frozenset(("mjpeg", "png", "bmp", "webp", "tiff", "gif", "jpeg2000", "jpegxl", "ljpeg"))
_TEXT_CODECS = frozenset(
    (
        "subrip",
        "srt",
        "ass",
        "ssa",
        "webvtt",
        "mov_text",
        "text",
        "sami",
        "microdvd",
        "mpl2",
        "subviewer",
        "jacosub",
        "stl",
        "eia_608",
    )
)
_TWO_LETTERS = re.compile(
    "ar|bg|cs|da|de|el|en|es|et|fi|fr|he|hi|hr|hu|id|it|ja|ko|lt|lv|nl|no|pl|pt|ro|ru|sk|sl|sv|tr|uk|vi|zh"
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The film's picture, and the streams that go with it."""

    video: Stream
    audio: tuple[AudioStream, ...]
    text: tuple[TextStream, ...]
    dropped: tuple[Dropped, ...]


def picture_streams(found: Mapping[str, Any]) -> list[Stream]:
    """The streams that may be the film's picture."""
    streams: Sequence[Stream] = found.get("streams") or ()
    pictures = [one for one in streams if one.get("codec_type") == "video" and not flag(one, "attached_pic")]
    return [one for one in pictures if int(one.get("width") or 0) > 0 and int(one.get("height") or 0) > 0]


def choose_streams(
    found: Mapping[str, Any], timelines: Mapping[int, Timeline], decodable: Collection[str], name: str
) -> Chosen:
    """The streams of a film; `timelines` by stream index. Raises BadRequest if it is no film."""
    streams: Sequence[Stream] = found.get("streams") or ()
    pictures = [one for one in picture_streams(found) if not _is_still(one, timelines)]
    sound = [one for one in streams if one.get("codec_type") == "audio"]
    if not pictures:
        why = "has sound but no picture" if sound else "has neither picture nor sound"
        raise BadRequest(422, "no-video", f"{name} {why}, so it is not a film")
    video = max(pictures, key=lambda one: (flag(one, "default"), int(one["width"]) * int(one["height"])))
    programme = _programme(found, int(video["index"]))
    audio: list[AudioStream] = []
    text: list[TextStream] = []
    dropped: list[Dropped] = []
    for one in streams:
        reason = _drop_reason(one, video, programme, decodable)
        if one is video:
            continue
        if reason is not None:
            dropped.append(Dropped(describe_stream(one), reason))
        elif one.get("codec_type") == "audio":
            audio.append(_audio(one))
        else:
            text.append(_text(one))
    if sound and not audio and any(one.reason is DropReason.UNKNOWN_CODEC for one in dropped):
        codecs = ", ".join(sorted({str(one.get("codec_name") or "unknown") for one in sound}))
        raise BadRequest(422, "no-decoder", f"{name}: its sound ({codecs}) cannot be decoded")
    return Chosen(video, tuple(audio), tuple(text), tuple(dropped))


def _is_still(one: Stream, timelines: Mapping[int, Timeline]) -> bool:
    """A cover without the flag: a codec for still pictures, and one frame of it."""
    timeline = timelines.get(int(one["index"]))
    frames = timeline.packets if timeline else 0
    return flag(one, "still_image") or (str(one.get("codec_name")) in _STILL_CODECS and frames <= 1)


def _programme(found: Mapping[str, Any], index: int) -> frozenset[int] | None:
    """The streams of the programmes that the picture belongs to; None if the file has no programmes."""
    members = [
        frozenset(int(one["index"]) for one in programme.get("streams") or ())
        for programme in found.get("programs") or ()
    ]
    own = [streams for streams in members if index in streams]
    return frozenset().union(*own) if own else None


def _drop_reason(
    one: Stream, video: Stream, programme: frozenset[int] | None, decodable: Collection[str]
) -> DropReason | None:
    kind, codec = one.get("codec_type"), str(one.get("codec_name") or "")
    if programme is not None and int(one["index"]) not in programme:
        return DropReason.ANOTHER_PROGRAMME
    if kind == "video":
        cover = flag(one, "attached_pic") or codec in _STILL_CODECS
        return DropReason.ATTACHED_PICTURE if cover else DropReason.ANOTHER_PICTURE if one is not video else None
    if kind == "audio":
        known = codec in decodable and int(one.get("channels") or 0) > 0
        return None if known else DropReason.UNKNOWN_CODEC
    if kind == "subtitle":
        if codec in _TEXT_CODECS:
            return None if codec in decodable else DropReason.UNKNOWN_CODEC
        return DropReason.BITMAP_SUBTITLE if codec in decodable else DropReason.UNKNOWN_CODEC
    return DropReason.DATA


def describe_stream(one: Stream) -> str:
    """`stream 3 (audio, apac, eng)`."""
    codec = str(one.get("codec_name") or "").strip() or printable(str(one.get("codec_tag_string") or "")) or "unknown"
    parts = [str(one.get("codec_type") or "data"), codec[:20], language_of(one)]
    return f"stream {one.get('index')} ({', '.join(part for part in parts if part != UNKNOWN_LANGUAGE)})"


def flag(found: Stream, name: str) -> bool:
    """A disposition of a stream."""
    return bool((found.get("disposition") or {}).get(name))


def fraction(text: object, slash: str = "/") -> Fraction:
    """`24000/1001`, `1:1`; 0 if unknown or invalid."""
    top, _, bottom = str(text or "").partition(slash)
    if not (top.isdecimal() and bottom.isdecimal()) or int(bottom) == 0:
        return Fraction(0)
    return Fraction(int(top), int(bottom))


def _audio(found: Stream) -> AudioStream:
    return AudioStream(
        index=int(found["index"]),
        codec=str(found.get("codec_name")),
        language=language_of(found),
        title=title_of(found),
        channels=int(found["channels"]),
        layout=printable(str(found.get("channel_layout") or "")),
        disposition=_disposition(found),
    )


def _text(found: Stream) -> TextStream:
    return TextStream(
        int(found["index"]), str(found.get("codec_name")), language_of(found), title_of(found), _disposition(found)
    )


def _disposition(found: Stream) -> Disposition:
    return Disposition(
        default=flag(found, "default"),
        forced=flag(found, "forced"),
        commentary=flag(found, "comment"),
        hearing_impaired=flag(found, "hearing_impaired") or flag(found, "captions"),
        visual_impaired=flag(found, "visual_impaired") or flag(found, "descriptions"),
        original=flag(found, "original"),
        dubbed=flag(found, "dub"),
    )


def language_of(found: Stream) -> str:
    """ISO 639, two or three letters, or `und`."""
    language = str((found.get("tags") or {}).get("language") or "").lower().partition("-")[0]
    # The packager accepts any three letters, but fails on two letters that it does not know.
    known = language.isascii() and language.isalpha() and (len(language) == 3 or _TWO_LETTERS.fullmatch(language))
    return language if known else UNKNOWN_LANGUAGE


def title_of(found: Stream) -> str:
    """The track's title, fit for playlists."""
    return printable(str((found.get("tags") or {}).get("title") or ""))[:60]


def printable(text: str) -> str:
    """The text without what would end a field of the packager or a playlist."""
    return "".join(mark for mark in text if mark.isprintable() and mark not in '"\\,=').strip()
