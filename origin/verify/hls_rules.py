"""The rules of HLS playlists (RFC 8216, rfc8216bis) that a published title must keep. Pure.

The parsers of `kernel.media.playlist` refuse what cannot be read; these rules find what players read differently.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping

from kernel.media.playlist import (
    MediaPlaylist,
    MultivariantPlaylist,
    attributes,
    is_relative,
    parse_media,
    parse_multivariant,
)

_DECIMAL = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)
_RESOLUTION = re.compile(r"[1-9]\d{0,4}x[1-9]\d{0,4}", re.ASCII)
_MEDIA_ONLY = ("#EXTINF", "#EXT-X-TARGETDURATION", "#EXT-X-MAP", "#EXT-X-BYTERANGE", "#EXT-X-ENDLIST", "#EXT-X-KEY:")
_TOP_ONLY = ("#EXT-X-STREAM-INF", "#EXT-X-I-FRAME-STREAM-INF", "#EXT-X-MEDIA:", "#EXT-X-SESSION-KEY")
_ONCE = (
    "#EXT-X-VERSION",
    "#EXT-X-TARGETDURATION",
    "#EXT-X-PLAYLIST-TYPE",
    "#EXT-X-INDEPENDENT-SEGMENTS",
    "#EXT-X-ENDLIST",
)
_HDR = frozenset(("PQ", "HLG"))
_GROUPS = {"AUDIO": "AUDIO", "SUBTITLES": "SUBTITLES", "VIDEO": "VIDEO"}


def check_multivariant(text: str) -> tuple[MultivariantPlaylist | None, list[str]]:
    """The playlist (None if it cannot be read), and what is at fault."""
    try:
        playlist = parse_multivariant(text)
        faults = [*_line_faults(text, _MEDIA_ONLY), *_group_faults(playlist), *_session_key_faults(text)]
        for variant in playlist.variants:
            kind = "I-frame variant" if variant.i_frames else "variant"
            faults += [f"{kind} {variant.uri}: {fault}" for fault in _variant_faults(playlist, variant.attributes)]
            if not is_relative(variant.uri):
                faults.append(f"{kind} {variant.uri!r} is not below the title")
    except ValueError as error:
        return None, [str(error)]
    return playlist, faults


def check_media(text: str) -> tuple[MediaPlaylist | None, list[str]]:
    """The playlist (None if it cannot be read), and what is at fault. VOD playlists only."""
    try:
        playlist = parse_media(text)
    except ValueError as error:
        return None, [str(error)]
    faults = list(_line_faults(text, _TOP_ONLY))
    if not (playlist.vod and playlist.ended):
        faults.append("is not EXT-X-PLAYLIST-TYPE:VOD with EXT-X-ENDLIST")
    if not playlist.segments:
        faults.append("has no segment")
    for segment in playlist.segments:
        if int(segment.duration + 0.5) > playlist.target_duration:
            faults.append(f"{segment.uri} lasts {segment.duration} s, above EXT-X-TARGETDURATION (§4.3.3.1)")
        if not is_relative(segment.uri):
            faults.append(f"{segment.uri!r} is not below its folder")
    needed, why = _version_needed(text, playlist)
    if playlist.version < needed:
        faults.append(f"EXT-X-VERSION is {playlist.version}, {why} needs {needed} (§7)")
    return playlist, faults


def _line_faults(text: str, foreign: tuple[str, ...]) -> Iterator[str]:
    counts: Counter[str] = Counter()
    for line in text.splitlines():
        if line.startswith(foreign):
            yield f"{line.partition(':')[0]} belongs to the other kind of playlist (§4.3)"
        counts[line.partition(":")[0]] += 1
        if line.startswith(("#EXT-X-KEY:", "#EXT-X-SESSION-KEY:")):
            yield from _key_faults(line)
    for tag in _ONCE:
        if counts[tag] > 1:
            yield f"{tag} stands {counts[tag]} times"


def _key_faults(line: str) -> Iterator[str]:
    tag, _, rest = line.partition(":")
    try:
        found = attributes(rest)
    except ValueError as error:
        yield f"{tag}: {error}"
        return
    if found.get("METHOD") not in ("AES-128", "SAMPLE-AES", "SAMPLE-AES-CTR") or "URI" not in found:
        yield f"{tag} has no METHOD that is known, or no URI (§4.3.2.4)"


def _session_key_faults(text: str) -> Iterator[str]:
    lines = Counter(line for line in text.splitlines() if line.startswith("#EXT-X-SESSION-KEY"))
    if any(count > 1 for count in lines.values()):
        yield "an EXT-X-SESSION-KEY stands twice (§4.3.4.5)"


def _variant_faults(playlist: MultivariantPlaylist, found: Mapping[str, str]) -> Iterator[str]:
    peak, average = found.get("BANDWIDTH", ""), found.get("AVERAGE-BANDWIDTH", "")
    if not peak.isdecimal() or int(peak) == 0:
        yield "no BANDWIDTH (§4.3.4.2)"
    elif average.isdecimal() and int(average) > int(peak):
        yield f"AVERAGE-BANDWIDTH {average} is above BANDWIDTH {peak}"
    if not found.get("CODECS"):
        yield "no CODECS"
    if not _RESOLUTION.fullmatch(found.get("RESOLUTION", "")):
        yield "no RESOLUTION of width x height"
    if "FRAME-RATE" in found and not _DECIMAL.fullmatch(found["FRAME-RATE"]):
        yield "FRAME-RATE is no decimal number"
    if found.get("VIDEO-RANGE") in _HDR and "avc1" in found.get("CODECS", ""):
        yield f"VIDEO-RANGE={found['VIDEO-RANGE']} with avc1, which has 8 bits"
    there = {(line.get("TYPE"), line.get("GROUP-ID")) for line in playlist.media}
    for name, kind in _GROUPS.items():
        if name in found and (kind, found[name]) not in there:
            yield f"{name}={found[name]!r} names no group (§4.3.4.2)"


def _group_faults(playlist: MultivariantPlaylist) -> Iterator[str]:
    groups: dict[tuple[str, str], list[dict[str, str]]] = {}
    for line in playlist.media:
        missing = [name for name in ("TYPE", "GROUP-ID", "NAME") if not line.get(name)]
        if missing:
            yield f"EXT-X-MEDIA without {', '.join(missing)} (§4.3.4.1)"
            continue
        groups.setdefault((line["TYPE"], line["GROUP-ID"]), []).append(line)
        yield from _media_faults(line)
    for (kind, group), lines in groups.items():
        names = Counter(line["NAME"] for line in lines)
        for name, count in names.items():
            if count > 1:
                yield f"the group {group!r} of {kind} has {count} renditions named {name!r} (§4.3.4.1.1)"
        if sum(line.get("DEFAULT") == "YES" for line in lines) > 1:
            yield f"the group {group!r} of {kind} has more than one DEFAULT=YES (§4.3.4.1.1)"


def _media_faults(line: Mapping[str, str]) -> Iterator[str]:
    name = f"EXT-X-MEDIA {line['NAME']!r}"
    if line.get("DEFAULT") == "YES" and line.get("AUTOSELECT", "YES") != "YES":
        yield f"{name}: AUTOSELECT must be YES where DEFAULT is (§4.3.4.1)"
    if "FORCED" in line and line["TYPE"] != "SUBTITLES":
        yield f"{name}: FORCED is for SUBTITLES only (§4.3.4.1)"
    if line["TYPE"] == "SUBTITLES" and "URI" not in line:
        yield f"{name}: subtitles without URI (§4.3.4.1)"
    if "URI" in line and not is_relative(line["URI"]):
        yield f"{name}: {line['URI']!r} is not below the title"


def _version_needed(text: str, playlist: MediaPlaylist) -> tuple[int, str]:
    """The least EXT-X-VERSION, and what needs it (§7)."""
    needed = [(1, "")]
    if any(segment.duration != int(segment.duration) for segment in playlist.segments):
        needed.append((3, "an EXTINF with a fraction"))
    if playlist.i_frames_only or any(segment.byte_range for segment in playlist.segments):
        needed.append((4, "a byte range, or EXT-X-I-FRAMES-ONLY"))
    if "KEYFORMAT=" in text:
        needed.append((5, "KEYFORMAT"))
    if playlist.init is not None:
        needed.append((5 if playlist.i_frames_only else 6, "EXT-X-MAP"))
    return max(needed)
