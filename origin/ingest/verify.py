"""Verification of a packaged tree: exit codes are unreliable, so every listed file is checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from defusedxml import ElementTree

from kernel.errors import Bug
from kernel.media.playlist import MediaPlaylist, is_relative, parse_media, parse_multivariant
from origin.encode.check import Measured
from origin.encode.encoder import Track
from origin.package.packager import MANIFEST, MASTER, rendition_folder

T = TypeVar("T")
_DASH = "{urn:mpeg:dash:schema:mpd:2011}"


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
