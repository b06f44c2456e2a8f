"""Writes media playlists (RFC 8216): of a rendition, of its I-frames, and of subtitles. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from kernel.media.drm_signals import Signals
from kernel.media.playlist import MediaPlaylist, Segment
from origin.package.packaged_track import PackagedTrack, target_duration

INIT = "init.mp4"


def write_rendition(track: PackagedTrack, signals: Signals | None = None) -> str:
    """The playlist of a rendition's segments `00001.m4s` …, with the key lines of an encrypted one."""
    head = ["#EXT-X-INDEPENDENT-SEGMENTS", f'#EXT-X-MAP:URI="{INIT}"', *_key_lines(signals)]
    lines = []
    for number, seconds in enumerate(track.seconds, start=1):
        lines += [f"#EXTINF:{seconds:.6f},", f"{number:05d}.m4s"]
    return _write(track.target, head, lines, version=6)


def write_i_frames(segments: Sequence[Segment], signals: Signals | None = None) -> str:
    """The playlist of a rendition's I-frames, which are byte ranges of its segments."""
    head = ["#EXT-X-I-FRAMES-ONLY", f'#EXT-X-MAP:URI="{INIT}"', *_key_lines(signals)]
    lines = []
    for segment in segments:
        lines.append(f"#EXTINF:{segment.duration:.6f},")
        if segment.byte_range is not None:
            lines.append(f"#EXT-X-BYTERANGE:{segment.byte_range.length}@{segment.byte_range.offset}")
        lines.append(segment.uri)
    return _write(target_duration(tuple(one.duration for one in segments)), head, lines, version=6)


def write_text(playlist: MediaPlaylist) -> str:
    """The playlist of subtitles in WebVTT segments."""
    lines = []
    for segment in playlist.segments:
        lines += [f"#EXTINF:{segment.duration:.6f},", segment.uri]
    return _write(target_duration(tuple(one.duration for one in playlist.segments)), [], lines, version=3)


def write_transport_stream(seconds: Sequence[float], names: Sequence[str]) -> str:
    """The playlist of MPEG-TS segments."""
    lines = []
    for length, name in zip(seconds, names, strict=True):
        lines += [f"#EXTINF:{length:.6f},", name]
    return _write(target_duration(tuple(seconds)), ["#EXT-X-INDEPENDENT-SEGMENTS"], lines, version=6)


def i_frame_rates(segments: Sequence[Segment]) -> tuple[int, int]:
    """(peak, average) bit/s of an I-frame playlist."""
    sizes = [segment.byte_range.length if segment.byte_range else 0 for segment in segments]
    rates = [8 * size / segment.duration for size, segment in zip(sizes, segments, strict=True) if segment.duration]
    total = sum(segment.duration for segment in segments)
    return math.ceil(max(rates, default=0)), math.ceil(8 * sum(sizes) / total) if total else 0


def yes_no(flag: bool) -> str:
    """An enumerated string of an attribute (RFC 8216 §4.2)."""
    return "YES" if flag else "NO"


def _key_lines(signals: Signals | None) -> list[str]:
    """Clear Key's line, which hls.js reads, first; none is of the format `identity`, on which hls.js and Shaka fail."""
    return [one.key_lines for one in (signals or {}).values() if one.key_lines]


def _write(target: int, head: Sequence[str], lines: Sequence[str], *, version: int) -> str:
    first = ["#EXTM3U", f"#EXT-X-VERSION:{version}", f"#EXT-X-TARGETDURATION:{target}", "#EXT-X-PLAYLIST-TYPE:VOD"]
    return "\n".join([*first, *head, *lines, "#EXT-X-ENDLIST"]) + "\n"
