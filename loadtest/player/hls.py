"""HLS playlists (RFC 8216, rfc8216bis) as a Presentation and Timelines. Pure.

The strict reader of kernel.media does the parsing: it is in the table of parsers that hostile input is tried on. The
m3u8 package has had no release since 2024-08.
"""

from collections.abc import Mapping, Sequence

from kernel.media.playlist import (
    Key,
    MediaPlaylist,
    MultivariantPlaylist,
    Variant,
    attributes,
    is_multivariant,
    parse_media,
    parse_multivariant,
)
from loadtest.player.presentation import (
    HERE,
    ITSELF,
    Part,
    PlaylistRef,
    Presentation,
    Rung,
    Segment,
    Source,
    Steering,
    Subtitles,
    Timeline,
    Track,
    UnplayableManifest,
)

_STEERING_TAG = "#EXT-X-CONTENT-STEERING:"
_VIDEO_CODECS = ("avc1", "avc3", "hvc1", "hev1", "dvh1", "dvhe", "vp08", "vp09", "av01", "mp4v")


def read_hls(text: str) -> Presentation:
    """A multivariant playlist; a media playlist alone is a title of one rung. Raises UnplayableManifest."""
    if "#EXT-X-DEFINE" in text:
        raise UnplayableManifest("EXT-X-DEFINE (variable substitution) is not supported")
    if not is_multivariant(text):
        read_timeline(text)
        track = Track(HERE, PlaylistRef(ITSELF))
        return Presentation((Rung(0, 0, (Source(HERE, track),)),))
    try:
        playlist = parse_multivariant(text)
        variants = _playable(playlist.variants)
        return _presentation(playlist, variants, _steering(text))
    except (ValueError, KeyError) as error:
        raise UnplayableManifest(f"multivariant playlist: {error}") from None


def _presentation(
    playlist: MultivariantPlaylist, variants: Sequence[Variant], steering: Steering | None
) -> Presentation:
    rungs: dict[tuple[str | None, ...], list[Source]] = {}
    for variant in variants:
        sources = rungs.setdefault(_rung_key(variant), [])
        source = _source(playlist, variant, redundant=len(sources))
        if all(known.pathway != source.pathway for known in sources):
            sources.append(source)
    first_of = {_rung_key(variant): variant for variant in reversed(variants)}
    made = [_rung(first_of[key], sources) for key, sources in rungs.items()]
    ordered = sorted(made, key=lambda rung: rung.bandwidth)
    return Presentation(tuple(ordered), ordered.index(made[0]), steering=steering)


def _playable(variants: Sequence[Variant]) -> list[Variant]:
    """Without trick-play, without audio-only variants where there is video, and each URI once."""
    listed = {variant.uri: variant for variant in reversed(variants) if not variant.i_frames}
    kept = [variant for variant in dict.fromkeys(v.uri for v in variants) if variant in listed]
    found = [listed[uri] for uri in kept]
    with_video = [variant for variant in found if not _is_audio_only(variant)]
    if not found:
        raise ValueError("no variant but I-frame playlists")
    return with_video or found


def _is_audio_only(variant: Variant) -> bool:
    codecs = variant.attributes.get("CODECS", "")
    return bool(codecs) and "RESOLUTION" not in variant.attributes and not any(one in codecs for one in _VIDEO_CODECS)


def _rung_key(variant: Variant) -> tuple[str | None, ...]:
    """Variants that share it are one rung on several pathways, or redundant streams (RFC 8216 §6.2.4)."""
    names = ("BANDWIDTH", "RESOLUTION", "FRAME-RATE", "CODECS", "VIDEO-RANGE")
    return tuple(variant.attributes.get(name) for name in names)


def _source(playlist: MultivariantPlaylist, variant: Variant, *, redundant: int) -> Source:
    # Redundant streams without PATHWAY-ID become pathways ".", "..", "..." as in hls.js.
    pathway = variant.attributes.get("PATHWAY-ID", HERE * (redundant + 1))
    track = Track("/".join(str(one) for one in _rung_key(variant)), PlaylistRef(Part(variant.uri)))
    texts = _subtitles(playlist.media, variant.attributes.get("SUBTITLES"))
    return Source(pathway, track, _audio(playlist.media, variant.attributes.get("AUDIO")), texts)


def _subtitles(media: Sequence[Mapping[str, str]], group: str | None) -> tuple[Subtitles, ...]:
    """The group's renditions in WebVTT; those marked FORCED are for parts in a foreign language, and left out."""
    if group is None:
        return ()
    found = [line for line in media if line.get("TYPE") == "SUBTITLES" and line.get("GROUP-ID") == group]
    if not found:
        raise ValueError(f"SUBTITLES={group[:60]!r} names no EXT-X-MEDIA group")
    return tuple(
        Subtitles(
            Track(f"text/{line.get('NAME', '')}/{line.get('LANGUAGE', '')}", PlaylistRef(Part(line["URI"]))),
            line.get("LANGUAGE", ""),
            line.get("DEFAULT") == "YES",
        )
        for line in found
        if "URI" in line and line.get("FORCED") != "YES"
    )


def _audio(media: Sequence[Mapping[str, str]], group: str | None) -> Track | None:
    """The default rendition of the group; None when the audio is muxed into the video."""
    if group is None:
        return None
    found = [line for line in media if line.get("TYPE") == "AUDIO" and line.get("GROUP-ID") == group]
    if not found:
        raise ValueError(f"AUDIO={group[:60]!r} names no EXT-X-MEDIA group")
    chosen = next((line for line in found if line.get("DEFAULT") == "YES"), found[0])
    if "URI" not in chosen:
        return None
    name = f"audio/{chosen.get('NAME', '')}/{chosen.get('CHANNELS', '')}/{chosen.get('LANGUAGE', '')}"
    return Track(name, PlaylistRef(Part(chosen["URI"])))


def _rung(variant: Variant, sources: list[Source]) -> Rung:
    attrs = variant.attributes
    _, _, height = attrs.get("RESOLUTION", "").partition("x")
    average = attrs.get("AVERAGE-BANDWIDTH", "")
    return Rung(
        bandwidth=variant.bandwidth,
        average=int(average) if average.isdecimal() else variant.bandwidth,
        sources=tuple(sources),
        height=int(height) if height.isdecimal() else None,
        codecs=attrs.get("CODECS", ""),
    )


def _steering(text: str) -> Steering | None:
    line = next((line for line in text.splitlines() if line.startswith(_STEERING_TAG)), None)
    if line is None:
        return None
    found = attributes(line.removeprefix(_STEERING_TAG))
    return Steering(found["SERVER-URI"], found.get("PATHWAY-ID"))


def read_timeline(text: str) -> Timeline:
    """A media playlist. Raises UnplayableManifest."""
    if "#EXT-X-PART-INF" in text or "#EXT-X-SKIP" in text:
        raise UnplayableManifest("media playlist: low-latency HLS (EXT-X-PART, EXT-X-SKIP) is not supported")
    if "#EXT-X-DEFINE" in text:
        raise UnplayableManifest("media playlist: EXT-X-DEFINE (variable substitution) is not supported")
    try:
        playlist = parse_media(text)
    except ValueError as error:
        raise UnplayableManifest(f"media playlist: {error}") from None
    if playlist.i_frames_only:
        raise UnplayableManifest("media playlist: an I-frame playlist cannot be played")
    live = not playlist.ended
    if not playlist.segments and not live:
        raise UnplayableManifest("media playlist: it has no segment")
    return Timeline(_segments(playlist), live, float(playlist.target_duration), playlist.sequence)


def _segments(playlist: MediaPlaylist) -> tuple[Segment, ...]:
    made, start = [], 0.0
    inits: dict[object, Part] = {}
    for one in playlist.segments:
        init = inits.setdefault(one.init, Part(one.init.uri, one.init.byte_range)) if one.init else None
        made.append(Segment(Part(one.uri, one.byte_range), start, one.duration, init, _key(one.key)))
        start += one.duration
    return tuple(made)


def _key(key: Key | None) -> Part | None:
    """What a player must load before the segment; key systems have their licences, which the session asks for."""
    return Part(key.uri) if key is not None and key.method == "AES-128" and key.format == "identity" else None
