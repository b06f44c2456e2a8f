"""Writes an MPD as a tree, with the prefixes that players look for (`cenc:pssh`, `mspr:pro`). Pure."""

from __future__ import annotations

from xml.etree import ElementTree as ET  # only to write; reading is xml_reader's

from kernel.media.drm_signals import CENC_NAMESPACE, PLAYREADY_NAMESPACE

DASH_NAMESPACE = "urn:mpeg:dash:schema:mpd:2011"
_PREFIXES = {
    "": DASH_NAMESPACE,
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "cenc": CENC_NAMESPACE,
    "mspr": PLAYREADY_NAMESPACE,
}


def dash(name: str) -> str:
    """The name in DASH's namespace, as ElementTree writes it."""
    return f"{{{DASH_NAMESPACE}}}{name}"


def write_mpd(root: ET.Element) -> bytes:
    """The document."""
    for prefix, namespace in _PREFIXES.items():
        ET.register_namespace(prefix, namespace)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"
