"""The checks of a title, on what was read of its files. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from kernel.media.mpd_document import dash
from kernel.media.playlist import MediaPlaylist, MultivariantPlaylist, attributes
from kernel.media.xml_reader import read_xml
from kernel.vocabulary import rendition_height
from origin.encode.plan import MIN_LAST_SEGMENT
from origin.package.manifest import read_tracks
from origin.package.packaged_track import peak_rate
from origin.storage.records import AudioRendition, EncryptionRecord, Rendition, TextRendition
from origin.verify.encryption_checks import check_encryption
from origin.verify.findings import Check, Finding
from origin.verify.hls_rules import check_media, check_multivariant
from origin.verify.mpd_schema import check_mpd
from origin.verify.title_files import TEXT_FOLDERS, TitleFacts

MAX_FINDINGS = 200
MAX_END_DIFFERENCE = 0.1
"""Seconds between the ends of picture and sound."""
_PEAK_TOLERANCE = 1.1
"""Of a declared peak: the measured one may be that much above (Apple's HLS authoring specification, 9.2)."""


class Described(Protocol):
    """What a title's record, or the result of packaging, says of its files."""

    @property
    def renditions(self) -> tuple[Rendition, ...]: ...  # noqa: D102 (see the records)
    @property
    def sound(self) -> tuple[AudioRendition, ...]: ...  # noqa: D102
    @property
    def text(self) -> tuple[TextRendition, ...]: ...  # noqa: D102
    @property
    def streams(self) -> dict[str, str]: ...  # noqa: D102
    @property
    def tiers(self) -> dict[str, dict[str, str]]: ...  # noqa: D102
    @property
    def thumbnail(self) -> str | None: ...  # noqa: D102
    @property
    def thumbnails(self) -> str | None: ...  # noqa: D102
    @property
    def encryption(self) -> EncryptionRecord | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Timeline:
    """A Representation: the start of each segment and the last one's end, in ticks."""

    timescale: int
    marks: tuple[int, ...]

    @property
    def seconds(self) -> tuple[float, ...]:
        """The marks in s."""
        return tuple(mark / self.timescale for mark in self.marks)


def check_title(described: Described, facts: TitleFacts) -> list[Finding]:
    """All findings, at most MAX_FINDINGS; none: the title is whole and plays."""
    found = list(facts.findings)
    found += _check_record(described, facts)
    playlists: dict[str, MediaPlaylist] = {}
    # The complete ones first: those of tiers are compared with them.
    tops = sorted((path for path in facts.texts if "/" not in path), key=lambda path: (len(path), path))
    for path in tops:
        if path.endswith(".m3u8"):
            found += _check_top(path, facts, playlists)
    found += _check_cuts(playlists)
    timelines: dict[str, Timeline] = {}
    for path in tops:
        if path.endswith(".mpd"):
            found += _check_manifest(path, facts, playlists, timelines)
    for folder, timeline in timelines.items():
        found += _check_segments(folder, timeline, facts)
    found += _check_ends(timelines)
    found += check_encryption(described.encryption, timelines, facts)
    return list(dict.fromkeys(found))[:MAX_FINDINGS]


def _check_record(described: Described, facts: TitleFacts) -> Iterator[Finding]:
    named = [*described.streams.values(), *(name for tier in described.tiers.values() for name in tier.values())]
    named += [name for name in (described.thumbnail, described.thumbnails) if name]
    folders = [one.name for one in described.renditions] + [one.name for one in described.sound]
    folders += [one.name for one in described.text]
    named += [f"{folder}/main.m3u8" for folder in folders]
    for path in named:
        if path not in facts.sizes:
            yield Finding(Check.RECORD, path, "is named by the title's record, but is not there")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _check_top(path: str, facts: TitleFacts, playlists: dict[str, MediaPlaylist]) -> Iterator[Finding]:
    """A multivariant playlist, and the media playlists that it is the first to name."""
    text = _text(facts.texts[path])
    top, faults = check_multivariant(text)
    yield from (Finding(Check.HLS, path, fault) for fault in faults)
    if top is None:
        return
    if not top.independent:
        yield Finding(Check.HLS, path, "does not say that segments are independent")
    try:
        images = _image_playlists(text)
    except ValueError as error:
        yield Finding(Check.HLS, path, str(error))
        images = []
    for uri in [*top.uris(), *images]:
        if uri in playlists:
            continue
        if uri not in facts.texts:
            yield Finding(Check.HLS, path, f"names {uri!r}, which is not there")
            continue
        playlist, faults = check_media(_text(facts.texts[uri]))
        yield from (Finding(Check.HLS, uri, fault) for fault in faults)
        if playlist is not None:
            playlists[uri] = playlist
            yield from _check_named_files(uri, playlist, facts)
    yield from _check_rates(path, top, playlists, facts)


def _image_playlists(text: str) -> list[str]:
    """The URIs of EXT-X-IMAGE-STREAM-INF, which RFC 8216 does not know. Raises ValueError."""
    lines = [line for line in text.splitlines() if line.startswith("#EXT-X-IMAGE-STREAM-INF:")]
    return [attributes(line.partition(":")[2]).get("URI", "") for line in lines]


def _check_named_files(path: str, playlist: MediaPlaylist, facts: TitleFacts) -> Iterator[Finding]:
    folder = _folder(path)
    for uri in dict.fromkeys([playlist.init, *(segment.uri for segment in playlist.segments)]):
        if uri is not None and f"{folder}/{uri}" not in facts.sizes:
            yield Finding(Check.HLS, path, f"names {uri!r}, which is not there")
    for segment in playlist.segments:
        part = segment.byte_range
        if part and part.offset + part.length > facts.sizes.get(f"{folder}/{segment.uri}", 0):
            yield Finding(Check.HLS, path, f"a byte range beyond the end of {segment.uri}")


def _check_rates(
    path: str, top: MultivariantPlaylist, playlists: Mapping[str, MediaPlaylist], facts: TitleFacts
) -> Iterator[Finding]:
    """The peaks that variants promise, compared with those that the files have."""
    for variant in top.variants:
        video = playlists.get(variant.uri)
        if variant.i_frames or video is None or not variant.attributes.get("BANDWIDTH", "").isdecimal():
            continue
        group = variant.attributes.get("AUDIO")
        sound = [
            _peak(line["URI"], playlists[line["URI"]], facts)
            for line in top.media
            if line.get("TYPE") == "AUDIO" and line.get("GROUP-ID") == group and line.get("URI") in playlists
        ]
        measured = _peak(variant.uri, video, facts) + max(sound, default=0)
        if measured > _PEAK_TOLERANCE * variant.bandwidth:
            yield Finding(Check.HLS, path, f"{variant.uri} has BANDWIDTH={variant.bandwidth}, measured {measured}")


def _peak(path: str, playlist: MediaPlaylist, facts: TitleFacts) -> int:
    folder = _folder(path)
    seconds = tuple(segment.duration for segment in playlist.segments)
    sizes = tuple(facts.sizes.get(f"{folder}/{segment.uri}", 0) for segment in playlist.segments)
    return peak_rate(seconds, sizes, playlist.target_duration)


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _lines_of(folder: str) -> int | None:
    """The height of a video rendition's folder, `ts/v720` too."""
    return rendition_height(folder.rpartition("/")[2])


def _check_cuts(playlists: Mapping[str, MediaPlaylist]) -> Iterator[Finding]:
    """Players switch between renditions where segments begin, so these times must be the same."""
    found: dict[bool, tuple[str, list[float]]] = {}
    for path, playlist in playlists.items():
        if _lines_of(_folder(path)) is None or playlist.i_frames_only:
            continue
        transport = path.startswith("ts/")
        first, expected = found.setdefault(transport, (path, _starts(playlist)))
        starts = _starts(playlist)
        if len(starts) != len(expected):
            yield Finding(Check.GOP, path, f"has {len(starts)} segments, {first} has {len(expected)}")
        elif any(abs(one - other) > 0.01 for one, other in zip(starts, expected, strict=True)):
            yield Finding(Check.GOP, path, f"its segments do not begin at the times of {first}")


def _starts(playlist: MediaPlaylist) -> list[float]:
    starts = [0.0]
    for segment in playlist.segments[:-1]:
        starts.append(starts[-1] + segment.duration)
    return starts


def _check_manifest(
    path: str, facts: TitleFacts, playlists: Mapping[str, MediaPlaylist], timelines: dict[str, Timeline]
) -> Iterator[Finding]:
    data = facts.texts[path]
    faults = check_mpd(data)
    yield from (Finding(Check.DASH, path, fault) for fault in faults)
    try:
        root = read_xml(data)
        tracks = read_tracks(root)
    except ValueError as error:
        yield Finding(Check.DASH, path, str(error))
        return
    for template in root.iter(dash("SegmentTemplate")):
        init = template.get("initialization")
        if init is not None and init not in facts.sizes:
            yield Finding(Check.DASH, path, f"names {init!r}, which is not there")
    for folder, (_, timescale, durations) in tracks.items():
        if not durations:
            continue  # the image track, whose sheets have one length
        yield from _check_listed(path, folder, timescale, durations, facts, playlists)
        marks = [0]
        for ticks in durations:
            marks.append(marks[-1] + ticks)
        made = Timeline(timescale, tuple(marks))
        if timelines.setdefault(folder, made) != made:
            yield Finding(Check.DASH, path, f"{folder} has other times than in the complete manifest")


def _check_listed(
    path: str,
    folder: str,
    timescale: int,
    durations: tuple[int, ...],
    facts: TitleFacts,
    playlists: Mapping[str, MediaPlaylist],
) -> Iterator[Finding]:
    """A Representation's segments, compared with the files and with the playlist of the same folder."""
    missing = [n for n in range(1, len(durations) + 1) if f"{folder}/{n:05d}.m4s" not in facts.sizes]
    if missing:
        yield Finding(Check.DASH, path, f"names {folder}/{missing[0]:05d}.m4s, which is not there")
    extra = f"{folder}/{len(durations) + 1:05d}.m4s"
    if extra in facts.sizes:
        yield Finding(Check.DASH, path, f"does not name {extra}")
    playlist = playlists.get(f"{folder}/main.m3u8")
    if playlist is None:
        return
    if len(playlist.segments) != len(durations):
        yield Finding(Check.DASH, path, f"{folder} has {len(durations)} segments, {len(playlist.segments)} in HLS")
    elif abs(playlist.duration - sum(durations) / timescale) > 0.001 * len(durations):
        yield Finding(Check.DASH, path, f"{folder} does not last as long as in HLS")


def _check_segments(folder: str, timeline: Timeline, facts: TitleFacts) -> Iterator[Finding]:
    """The segments' own times, compared with those of the manifest."""
    defaults = facts.defaults.get(folder)
    if defaults is not None and defaults.timescale != timeline.timescale:
        why = f"its timescale is {defaults.timescale}, {timeline.timescale} in the manifest"
        yield Finding(Check.TIMELINE, f"{folder}/init.mp4", why)
        return
    video = _lines_of(folder) is not None
    for number, (start, end) in enumerate(pairwise(timeline.marks), start=1):
        path = f"{folder}/{number:05d}.m4s"
        times = facts.times.get(path)
        if times is None:
            continue
        # Priming, which players leave out, is before the time 0.
        begins = start if number == 1 and times.start < start else times.start
        if times.gaps or (begins, times.end) != (start, end):
            own = f"{times.start} to {times.end}"
            why = f"is at {own}{' with gaps' if times.gaps else ''}, the manifest says {start} to {end}"
            yield Finding(Check.TIMELINE, path, why)
        if video and not times.starts_with_sync:
            yield Finding(Check.GOP, path, "does not begin with a keyframe")
    last = timeline.seconds[-1] - timeline.seconds[-2]
    if len(timeline.marks) > 2 and last < MIN_LAST_SEGMENT and not folder.startswith(TEXT_FOLDERS):
        why = f"lasts {last:.2f} s: browsers do not reach the end of a film behind so short a segment"
        yield Finding(Check.TIMELINE, f"{folder}/{len(timeline.marks) - 1:05d}.m4s", why)


def _check_ends(timelines: Mapping[str, Timeline]) -> Iterator[Finding]:
    ends = {folder: one.seconds[-1] for folder, one in timelines.items() if not folder.startswith(TEXT_FOLDERS)}
    video = [end for folder, end in ends.items() if _lines_of(folder) is not None]
    for folder, end in ends.items():
        if video and not math.isclose(end, video[0], abs_tol=MAX_END_DIFFERENCE):
            yield Finding(Check.TIMELINE, folder, f"ends at {end:.2f} s, the picture at {video[0]:.2f} s")
