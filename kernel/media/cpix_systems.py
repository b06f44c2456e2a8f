"""The `DRMSystem` elements of CPIX documents: one DRM system's data of one key, in base64. Pure.

A key server of a vendor fills them (SPEKE v2); its data goes into playlists and manifests, so it is checked here: boxes
for the element's system, well-formed XML, and key lines that are nothing else.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Container
from uuid import UUID
from xml.etree import ElementTree as ET  # only to write

from kernel.media.drm_signals import KEY_TAG, SESSION_KEY_TAG, DrmSystem, SystemSignals, is_pssh_box
from kernel.media.playlist import attributes
from kernel.media.xml_reader import read_xml

CPIX = "urn:dashif:org:cpix"
MAX_KEYS = 16
MAX_SYSTEMS = MAX_KEYS * 8
"""DRMSystem elements of a document."""
MAX_LINES = 8
"""Playlist lines of one DRM system and key."""


def cpix(name: str) -> str:
    """The name in CPIX's namespace, as ElementTree writes it."""
    return f"{{{CPIX}}}{name}"


def key_id_of(element: ET.Element) -> str:
    """An element's `kid` as 32 hexadecimal digits. Raises ValueError."""
    text = element.get("kid") or ""
    try:
        if len(text) > len("{00000000-0000-0000-0000-000000000000}"):
            raise ValueError
        return UUID(text).hex
    except ValueError:
        raise ValueError(f"{element.tag.rpartition('}')[2]}: kid {text[:40]!r} is not a UUID") from None


def decode_base64(text: str | None) -> bytes | None:
    """The decoded text; None if it is not base64."""
    try:
        return base64.b64decode("".join((text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def append_system(systems: ET.Element, key_id: str, system: DrmSystem, signals: SystemSignals) -> None:
    """Append a system's data of a key to a DRMSystemList; empty signals ask for it."""
    element = ET.SubElement(systems, cpix("DRMSystem"), {"kid": str(UUID(hex=key_id)), "systemId": system})
    if system is not DrmSystem.FAIRPLAY:
        _append(element, "PSSH", signals.pssh)
        _append(element, "ContentProtectionData", signals.protection.encode())
    if system is not DrmSystem.COMMON:
        _append(element, "HLSSignalingData", signals.key_lines.encode()).set("playlist", "media")
        _append(element, "HLSSignalingData", signals.session_lines.encode()).set("playlist", "master")


def _append(parent: ET.Element, name: str, data: bytes) -> ET.Element:
    element = ET.SubElement(parent, cpix(name))
    element.text = base64.b64encode(data).decode() or None
    return element


def read_systems(
    root: ET.Element, key_ids: Container[str], *, refuse_unknown: bool
) -> dict[tuple[str, DrmSystem], ET.Element]:
    """The DRMSystem elements of a document by key id and system. Raises ValueError.

    A system that is not known here is refused, or left out: a vendor may send more than was asked for.
    """
    elements = root.findall(f"{cpix('DRMSystemList')}/{cpix('DRMSystem')}")
    if len(elements) > MAX_SYSTEMS:
        raise ValueError(f"DRMSystemList: {len(elements)} DRMSystem elements, {MAX_SYSTEMS} at most")
    found: dict[tuple[str, DrmSystem], ET.Element] = {}
    for element in elements:
        key_id, named = key_id_of(element), (element.get("systemId") or "").lower()
        if key_id not in key_ids:
            raise ValueError(f"DRMSystem: no ContentKey has its kid {UUID(hex=key_id)}")
        if named not in _SYSTEMS:
            if refuse_unknown:
                raise ValueError(f"DRMSystem: the systemId {named[:40]!r} is unknown here")
            continue
        if (key_id, _SYSTEMS[named]) in found:
            raise ValueError(f"DRMSystem: a second one of {named} for the kid {UUID(hex=key_id)}")
        found[key_id, _SYSTEMS[named]] = element
    return found


_SYSTEMS = {str(system): system for system in DrmSystem}


def read_signals(system: DrmSystem, element: ET.Element) -> SystemSignals:
    """The data of a DRMSystem; what it leaves out is empty. Raises ValueError naming the system and the element."""
    pssh, protection = _data(system, element, "PSSH"), _data(system, element, "ContentProtectionData")
    if pssh and not is_pssh_box(pssh, system):
        raise ValueError(f"DRMSystem {system}: its PSSH is not a pssh box of this system")
    try:
        read_xml(b"<ContentProtection>" + protection + b"</ContentProtection>")
        text = protection.decode()
    except (ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"DRMSystem {system}: its ContentProtectionData is not XML: {error}") from None
    lines = {"media": "", "master": ""}
    for child in element.findall(cpix("HLSSignalingData")):
        playlist = child.get("playlist") or "media"
        if playlist not in lines:
            raise ValueError(f"DRMSystem {system}: HLSSignalingData: playlist {playlist[:40]!r} is not media or master")
        tag = KEY_TAG if playlist == "media" else SESSION_KEY_TAG
        lines[playlist] = _key_lines(system, _decoded(system, child), tag)
    return SystemSignals(pssh, text, lines["media"], lines["master"])


def _data(system: DrmSystem, element: ET.Element, name: str) -> bytes:
    child = element.find(cpix(name))
    return b"" if child is None else _decoded(system, child)


def _decoded(system: DrmSystem, element: ET.Element) -> bytes:
    data = decode_base64(element.text)
    if data is None:
        raise ValueError(f"DRMSystem {system}: {element.tag.rpartition('}')[2]} is not base64")
    return data


def _key_lines(system: DrmSystem, data: bytes, tag: str) -> str:
    lines = [line.strip() for line in data.decode("latin-1").splitlines() if line.strip()]
    for line in lines:
        if not (line.startswith(tag) and line.isascii() and line.isprintable() and len(lines) <= MAX_LINES):
            raise ValueError(f"DRMSystem {system}: HLSSignalingData may hold lines {tag}… only, {MAX_LINES} at most")
        if not attributes(line.removeprefix(tag)).keys() >= {"METHOD", "URI", "KEYFORMAT"}:
            raise ValueError(f"DRMSystem {system}: a key line needs METHOD, URI and KEYFORMAT")
    return "\n".join(lines)
