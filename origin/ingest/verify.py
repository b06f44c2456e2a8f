"""Verification: exit codes are unreliable, so packets, keyframes, durations and every listed file are checked.

A truncated film raises `BadRequest`; any other mismatch is our fault, raises `Bug` and stops the ingest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from defusedxml import ElementTree

from kernel.errors import BadRequest, Bug
from kernel.media.ladder import SEGMENT_SECONDS
from kernel.media.playlist import MediaPlaylist, is_relative, parse_media, parse_multivariant
from origin.encode.encoder import Track
from origin.ingest.probe import Source
from origin.ingest.subprocesses import ProgramFailed, Programs, last_line, stream_program
from origin.package.packager import MANIFEST, MASTER, rendition_folder

T = TypeVar("T")
_DASH = "{urn:mpeg:dash:schema:mpd:2011}"


@dataclass(frozen=True, slots=True)
class Measured:
    """Measurements of an encoded file: `packets`, `duration` in s and the times of its keyframes in s."""

    packets: int
    duration: float
    keyframes: tuple[float, ...]


def measure(programs: Programs, file: Path) -> Measured:
    """Read the time of every packet, without decoding. Raises Bug if the file cannot be read."""
    packets, end, keyframes = 0, 0.0, []

    def packet(line: str) -> None:
        nonlocal packets, end
        pts, duration, flags = (*line.strip().split(","), "", "")[:3]
        try:
            time, length = float(pts), float(duration or 0)
        except ValueError:
            return  # a packet hidden by the edit list has no time
        packets += 1
        end = max(end, time + length)
        if flags.startswith("K"):
            keyframes.append(time)

    arguments = ["-v", "error", "-show_entries", "packet=pts_time,duration_time,flags", "-of", "csv=p=0"]
    try:
        stream_program(programs.ffprobe, [*arguments, f"file:{file.absolute()}"], packet)
    except ProgramFailed as failed:
        raise Bug(f"the encoded file {file.name} cannot be read: {last_line(failed.errors)}") from None
    return Measured(packets, end, tuple(sorted(keyframes)))


def measure_all(programs: Programs, tracks: Sequence[Track], folder: Path) -> dict[str, Measured]:
    """The measurements of each track by its name."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        found = pool.map(lambda track: measure(programs, track.file(folder)), tracks)
        return dict(zip((track.name for track in tracks), found, strict=True))


def check_encoded(source: Source, tracks: Sequence[Track], measured: dict[str, Measured], errors: str) -> None:
    """Compare the encoded files with the source's duration and with each other. Raises BadRequest or Bug."""
    video = [measured[track.name] for track in tracks if track.rung]
    first = video[0]
    if first.packets == 0:
        raise BadRequest(422, "not-decodable", "no frame of the film could be decoded")
    promised = source.duration
    got = first.packets / float(source.rate)
    if promised is not None and got < promised - _slack(promised, source):
        why = f"its header says {promised:.2f} s, but only {got:.2f} s could be read"
        raise BadRequest(422, "truncated", f"the film is truncated or damaged: {why}")
    if "partial file" in errors:
        raise BadRequest(422, "truncated", "the film is truncated: its last frames are missing")
    for track, found in zip(tracks, video, strict=False):
        if found.packets != first.packets or found.keyframes != first.keyframes:
            raise Bug(f"rendition {track.name} has other frames or keyframes than {tracks[0].name}")
    check_keyframes(first.keyframes, first.duration, 1 / float(source.rate))
    for track in tracks:
        sound = measured[track.name]
        if track.audio and (sound.packets == 0 or (promised and sound.duration < got - 1.0)):
            raise Bug(f"audio track {track.name} lasts {sound.duration:.2f} s, the video {got:.2f} s")


def _slack(promised: float, source: Source) -> float:
    """Seconds by which a complete film may be shorter: containers round, and variable rates lose a frame at the end."""
    return min(1.0, 0.05 * promised) + 0.002 * promised + 2 / float(source.rate)


def check_keyframes(keyframes: Sequence[float], duration: float, frame: float) -> None:
    """Check that each segment starts with a keyframe; all arguments in s. Raises Bug."""
    slack = frame + 0.002
    if not keyframes or keyframes[0] > slack:
        raise Bug("the first frame is not a keyframe")
    if any(later - earlier > SEGMENT_SECONDS + slack for earlier, later in pairwise([*keyframes, duration])):
        raise Bug("two keyframes are further apart than a segment")
    index = SEGMENT_SECONDS
    for start in keyframes[1:]:
        if not index <= start + 0.002 < index + slack + 0.002:
            raise Bug(f"a keyframe at {start:.3f} s, expected at {index} s")
        index += SEGMENT_SECONDS


def check_tree(tree: Path, tracks: Sequence[Track], publication: int, measured: dict[str, Measured]) -> None:
    """Check that the playlists and the manifest list existing files that add up to the film. Raises Bug."""
    master = _parsed(tree / MASTER, parse_multivariant)
    if not master.independent:
        raise Bug(f"{MASTER} does not say that segments are independent")
    wanted = {f"{rendition_folder(track.name, publication)}/main.m3u8" for track in tracks}
    listed = {uri for uri in master.uris() if not uri.endswith("/iframe.m3u8")}
    if listed != wanted:
        raise Bug(f"{MASTER} lists {sorted(listed)}, expected {sorted(wanted)}")
    counts: dict[str, int] = {}
    cuts: set[tuple[float, ...]] = set()
    for track in tracks:
        folder = rendition_folder(track.name, publication)
        playlist = _check_rendition(tree / folder, measured[track.name])
        counts[folder] = len(playlist.segments)
        if track.rung:
            cuts.add(tuple(segment.duration for segment in playlist.segments))
            if len(playlist.segments) != len(measured[track.name].keyframes):
                raise Bug(f"{folder} has {len(playlist.segments)} segments, which is not the number of keyframes")
            _check_rendition(tree / folder, measured[track.name], "iframe.m3u8")
    if len(cuts) != 1:
        raise Bug("the renditions' segments do not begin at the same times")
    _check_manifest(tree, counts)


def _check_rendition(folder: Path, measured: Measured, name: str = "main.m3u8") -> MediaPlaylist:
    where = f"{folder.name}/{name}"
    playlist = _parsed(folder / name, parse_media)
    if not (playlist.vod and playlist.ended and playlist.init and playlist.segments):
        raise Bug(f"{where} is not a complete VOD playlist with an init segment")
    for uri in (playlist.init, *(segment.uri for segment in playlist.segments)):
        if not is_relative(uri):
            raise Bug(f"{where} names {uri!r}, which is not below its folder")
        if _size(folder / uri) == 0:
            raise Bug(f"{where} names {uri!r}, which is missing or empty")
    for segment in playlist.segments:
        if round(segment.duration) > playlist.target_duration:
            raise Bug(f"{where}: {segment.uri} lasts longer than the target duration (RFC 8216 4.3.3.1)")
        part = segment.byte_range
        if part and part.offset + part.length > _size(folder / segment.uri):
            raise Bug(f"{where}: a byte range beyond the end of {segment.uri}")
    if abs(playlist.duration - measured.duration) > 0.25 + 0.001 * len(playlist.segments):
        raise Bug(f"{where} lasts {playlist.duration:.2f} s, the encoded file {measured.duration:.2f} s")
    return playlist


def _check_manifest(tree: Path, counts: dict[str, int]) -> None:
    """Check that DASH has the same folders and numbers of segments as HLS."""
    root = ElementTree.fromstring((tree / MANIFEST).read_bytes())
    found: dict[str, int] = {}
    for template in root.iter(f"{_DASH}SegmentTemplate"):
        folder = str(template.get("initialization")).partition("/")[0]
        if not is_relative(str(template.get("media"))) or _size(tree / str(template.get("initialization"))) == 0:
            raise Bug(f"{MANIFEST}: {folder} names a missing file")
        found[folder] = sum(1 + int(entry.get("r") or 0) for entry in template.iter(f"{_DASH}S"))
    if found != counts:
        raise Bug(f"{MANIFEST} has segments {found}, the playlists {counts}")


def _parsed(file: Path, parse: Callable[[str], T]) -> T:
    try:
        return parse(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Bug(f"the packager's {file.name} cannot be read: {error}") from None


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
