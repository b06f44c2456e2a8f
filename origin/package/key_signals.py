"""Writes what DRM systems are told of a track's key into the manifest and its init segment. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID
from xml.etree.ElementTree import Element  # only to write; reading is xml_reader's

from kernel.errors import Bug
from kernel.media.drm_signals import PROTECTION_VALUES, DrmSystem, Signals, SystemSignals
from kernel.media.mpd_document import dash
from kernel.media.xml_reader import read_xml

MP4_PROTECTION = "urn:mpeg:dash:mp4protection:2011"
_PROTECTION = dash("ContentProtection")
_DEFAULT_KID = "{urn:mpeg:cenc:2013}default_KID"


def signal_manifest(root: Element, signals: Mapping[str, Signals]) -> None:
    """Replace the ContentProtection elements of each AdaptationSet by those of its tracks' key.

    `signals` by folder; all Representations of an AdaptationSet have one key. There is no licence URL: Shaka prefers
    one in the MPD to the player's own, which belongs to the session.
    """
    found = False
    for group in root.iter(dash("AdaptationSet")):
        folders = [folder_of(template) for template in group.iter(dash("SegmentTemplate"))]
        wanted = [signals[folder] for folder in folders if folder in signals]
        old = group.findall(_PROTECTION)
        for element in old:
            if element.get("schemeIdUri") == MP4_PROTECTION:
                found = True
            else:
                group.remove(element)
        if not wanted:
            continue
        if any(other != wanted[0] for other in wanted) or not old:
            raise Bug(f"the packager's AdaptationSet of {folders} does not have one key")
        at = list(group).index(old[0]) + 1
        told = [_protection(system, one.protection) for system, one in wanted[0].items() if _is_in_mpd(system, one)]
        group[at:at] = told
    if not found:
        raise Bug("the packager's manifest has no ContentProtection")


def _is_in_mpd(system: DrmSystem, signals: SystemSignals) -> bool:
    return bool(signals.protection) or system is DrmSystem.CLEAR_KEY


def _protection(system: DrmSystem, inside: str) -> Element:
    element = Element(_PROTECTION, {"schemeIdUri": f"urn:uuid:{system}"})
    if system in PROTECTION_VALUES:
        element.set("value", PROTECTION_VALUES[system])
    element.extend(read_xml(f"<r>{inside}</r>".encode()))
    return element


def folder_of(template: Element) -> str:
    """The folder of a SegmentTemplate's Representation."""
    return str(template.get("initialization")).partition("/")[0]


def signal_init(init: bytes, boxes: Sequence[bytes]) -> bytes:
    """An init segment with these `pssh` boxes at the end of its `moov` box (ISO 23001-7 §8.1.1)."""
    at = 0
    while at + 8 <= len(init):
        size = int.from_bytes(init[at : at + 4], "big")
        if init[at + 4 : at + 8] == b"moov" and 8 <= size <= len(init) - at:
            more, end = b"".join(boxes), at + size
            return init[:at] + (size + len(more)).to_bytes(4, "big") + init[at + 4 : end] + more + init[end:]
        at += max(size, 8)
    raise Bug("the packager's init segment has no moov box")


def manifest_key_ids(root: Element) -> dict[str, str]:
    """The default key id of each encrypted Representation's folder in an MPD; "" if Clear Key is not signalled."""
    found: dict[str, str] = {}
    for group in root.iter(dash("AdaptationSet")):
        protections = {one.get("schemeIdUri"): one for one in group.findall(_PROTECTION)}
        default = protections.get(MP4_PROTECTION)
        if default is None:
            continue
        clear = f"urn:uuid:{DrmSystem.CLEAR_KEY}" in protections
        for template in group.iter(dash("SegmentTemplate")):
            found[folder_of(template)] = UUID(default.get(_DEFAULT_KID) or "").hex if clear else ""
    return found
