"""The top files: the multivariant playlist and the MPD, complete and filtered for each tier.

`master-sd.m3u8` lists only the renditions of tier sd, so every edge can cache it; nothing is rewritten per session.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree as ET  # only to write; reading is defusedxml's

from defusedxml import ElementTree

from kernel.media.playlist import attributes, cut
from kernel.media.steering import HERE, steered_manifest, steered_playlist, steering_url
from kernel.vocabulary import TIER_LINES, Tier, rendition_height
from origin.package.packager import MANIFEST, MASTER

_DASH = "urn:mpeg:dash:schema:mpd:2011"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_RATES = re.compile(r"(?<=[:,])BANDWIDTH=(\d+),AVERAGE-BANDWIDTH=(\d+)")


def master_name(tier: Tier | None) -> str:
    """`master.m3u8`, `master-sd.m3u8`."""
    return f"master-{tier}.m3u8" if tier else MASTER


def manifest_name(tier: Tier | None) -> str:
    """`manifest.mpd`, `manifest-sd.mpd`."""
    return f"manifest-{tier}.mpd" if tier else MANIFEST


def make_top_files(master: str, manifest: bytes) -> dict[str, bytes]:
    """All top files by name, made from the packager's two.

    A tier without a rendition has no top files: its viewers are refused instead of getting an empty list.
    """
    master = with_peaks(with_default_audio(master))
    made = {MASTER: master.encode(), MANIFEST: manifest}
    for tier in Tier:
        keep = _within(TIER_LINES[tier])
        playlist = cut(master, keep)
        if "#EXT-X-STREAM-INF" in playlist:
            made[master_name(tier)] = playlist.encode()
            made[manifest_name(tier)] = cut_manifest(manifest, keep)
    return made


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


def _within(lines: int) -> Callable[[str], bool]:
    def keep(uri: str) -> bool:
        height = rendition_height(uri.partition("/")[0])
        return height is None or height <= lines

    return keep


def with_default_audio(master: str) -> str:
    """Mark an audio track as default: without a language the packager marks none, and some players then play none."""
    lines = master.splitlines()
    sound = [index for index, line in enumerate(lines) if line.startswith("#EXT-X-MEDIA:TYPE=AUDIO")]
    chosen = any(attributes(lines[index].partition(":")[2]).get("DEFAULT") == "YES" for index in sound)
    if sound and not chosen:
        lines[sound[0]] = lines[sound[0]].replace(",DEFAULT=NO", ",DEFAULT=YES")
    return "\n".join(lines) + "\n"


def with_peaks(master: str) -> str:
    """Raise peaks that are below their average (RFC 8216 §4.3.4.2): the packager writes such for very short films."""

    def rates(found: re.Match[str]) -> str:
        peak = max(int(found[1]), int(found[2]))
        return f"BANDWIDTH={peak},AVERAGE-BANDWIDTH={found[2]}"

    return _RATES.sub(rates, master)


def cut_manifest(manifest: bytes, keep: Callable[[str], bool]) -> bytes:
    """The MPD without Representations whose init segment `keep` rejects, and without empty AdaptationSets."""
    root = ElementTree.fromstring(manifest)
    for period in root.iter(f"{{{_DASH}}}Period"):
        for group in list(period.findall(f"{{{_DASH}}}AdaptationSet")):
            _cut_group(group, keep)
            if group.find(f"{{{_DASH}}}Representation") is None:
                period.remove(group)
    ET.register_namespace("", _DASH)
    ET.register_namespace("xsi", _XSI)
    ET.register_namespace("cenc", "urn:mpeg:cenc:2013")  # players look for the names `cenc:pssh` and `mspr:pro`
    ET.register_namespace("mspr", "urn:microsoft:playready")
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _cut_group(group: ET.Element, keep: Callable[[str], bool]) -> None:
    left = []
    for representation in group.findall(f"{{{_DASH}}}Representation"):
        template = representation.find(f"{{{_DASH}}}SegmentTemplate")
        if template is not None and not keep(str(template.get("initialization"))):
            group.remove(representation)
        else:
            left.append(representation)
    for maximum, one in (("maxWidth", "width"), ("maxHeight", "height")):
        sizes = [int(size) for representation in left if (size := representation.get(one))]
        if sizes and group.get(maximum):
            group.set(maximum, str(max(sizes)))
