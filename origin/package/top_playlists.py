"""The top files: the multivariant playlist and the MPD, complete and filtered for each tier.

`master-sd.m3u8` lists only the renditions of tier sd, so every edge can cache it; nothing is rewritten per session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from xml.etree import ElementTree as ET  # only to write; reading is xml_reader's

from kernel.media.content_keys import KeyLabel, is_entitled
from kernel.media.mpd_document import dash, write_mpd
from kernel.media.playlist import cut
from kernel.media.steering import HERE, steered_manifest, steered_playlist, steering_url
from kernel.media.xml_reader import read_xml
from kernel.vocabulary import TIER_LINES, Tier, rendition_height
from origin.package.streams import MANIFEST, MASTER

TRANSPORT = "master-ts"
"""The stem of MPEG-TS HLS's top files."""
_FIRST_TAGS = ("#EXT-X-MEDIA:", "#EXT-X-STREAM-INF:", "#EXT-X-I-FRAME-STREAM-INF:")


def master_name(tier: Tier | None) -> str:
    """`master.m3u8`, `master-sd.m3u8`."""
    return f"master-{tier}.m3u8" if tier else MASTER


def manifest_name(tier: Tier | None) -> str:
    """`manifest.mpd`, `manifest-sd.mpd`."""
    return f"manifest-{tier}.mpd" if tier else MANIFEST


def make_top_files(
    master: str, manifest: bytes, session_keys: Mapping[KeyLabel, str] | None = None
) -> dict[str, bytes]:
    """All top files by name, made from the two complete ones.

    `session_keys`: EXT-X-SESSION-KEY lines by label; a tier's playlist has those of its own keys. A tier without a
    rendition has no top files: its viewers are refused instead of getting an empty list.
    """
    keys = session_keys or {}
    made = {MASTER: with_session_keys(master, list(keys.values())).encode(), MANIFEST: manifest}
    for tier in Tier:
        keep = _within(TIER_LINES[tier])
        playlist = cut(master, keep)
        if "#EXT-X-STREAM-INF" in playlist:
            own = [lines for label, lines in keys.items() if is_entitled(tier, label)]
            made[master_name(tier)] = with_session_keys(playlist, own).encode()
            made[manifest_name(tier)] = cut_manifest(manifest, keep)
    return made


def with_session_keys(master: str, session_keys: Sequence[str]) -> str:
    """The multivariant playlist with EXT-X-SESSION-KEY lines: players ask for licences before the first segment (RFC
    8216 §4.3.4.5)."""
    lines = master.splitlines()
    at = next((index for index, line in enumerate(lines) if line.startswith(_FIRST_TAGS)), len(lines))
    lines[at:at] = [one for one in session_keys if one]
    return "\n".join(lines) + "\n"


def with_steering(tops: dict[str, bytes], gateway: str, content_id: str) -> dict[str, bytes]:
    """Add content steering to the top files: the gateway, and one pathway, the host that served the file."""
    made = {}
    for name, data in tops.items():
        dash = name.endswith(".mpd")
        server = steering_url(gateway, content_id, dash=dash)
        if dash:
            made[name] = steered_manifest(data, server, {HERE: ""})
        else:
            made[name] = steered_playlist(data.decode(), server, {HERE: ""}).encode()
    return made


def make_transport_tops(master: str) -> dict[str, bytes]:
    """The top files of MPEG-TS HLS: `master-ts.m3u8`, and those of tiers, `master-ts-sd.m3u8` …"""
    made = {f"{TRANSPORT}.m3u8": master.encode()}
    for tier in Tier:
        playlist = cut(master, _within(TIER_LINES[tier]))
        if "#EXT-X-STREAM-INF" in playlist:
            made[f"{TRANSPORT}-{tier}.m3u8"] = playlist.encode()
    return made


def tier_streams(tops: Iterable[str]) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """The top files by kind (`hls`, `dash`, `ts`), and those of each tier that has any."""
    there = set(tops)
    kinds = {"hls": ("master", "m3u8"), "dash": ("manifest", "mpd"), "ts": (TRANSPORT, "m3u8")}
    streams = {kind: f"{stem}.{end}" for kind, (stem, end) in kinds.items() if f"{stem}.{end}" in there}
    tiers: dict[str, dict[str, str]] = {}
    for tier in Tier:
        own = {kind: f"{stem}-{tier}.{end}" for kind, (stem, end) in kinds.items()}
        if found := {kind: name for kind, name in own.items() if name in there}:
            tiers[str(tier)] = found
    return streams, tiers


def _within(lines: int) -> Callable[[str], bool]:
    def keep(uri: str) -> bool:
        return all((rendition_height(part) or 0) <= lines for part in uri.split("/"))

    return keep


def cut_manifest(manifest: bytes, keep: Callable[[str], bool]) -> bytes:
    """The MPD without Representations whose init segment `keep` rejects, and without empty AdaptationSets."""
    root = read_xml(manifest)
    for period in root.iter(dash("Period")):
        for group in list(period.findall(dash("AdaptationSet"))):
            _cut_group(group, keep)
            if group.find(dash("Representation")) is None:
                period.remove(group)
    return write_mpd(root)


def _cut_group(group: ET.Element, keep: Callable[[str], bool]) -> None:
    left = []
    for representation in group.findall(dash("Representation")):
        template = representation.find(dash("SegmentTemplate"))
        if template is not None and not keep(str(template.get("initialization"))):
            group.remove(representation)
        else:
            left.append(representation)
    for maximum, one in (("maxWidth", "width"), ("maxHeight", "height")):
        sizes = [int(size) for representation in left if (size := representation.get(one))]
        if sizes and group.get(maximum):
            group.set(maximum, str(max(sizes)))
