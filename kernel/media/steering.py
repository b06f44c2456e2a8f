"""Content steering in top files: HLS (rfc8216bis 4.4.6.6) and DASH (ISO 23009-1, ETSI TS 103 998). Pure.

A pathway is a host that a title can be fetched from. The published file has one, HERE: all addresses are relative, so
the file is the same for everyone and a token in its path also applies to what it names; the steering server adds the
edges as clones. With absolute addresses each edge is a pathway of its own, for players that cannot clone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree as ET  # only to write

from kernel.media.mpd_document import dash, write_mpd
from kernel.media.xml_reader import read_xml

HERE = "here"
"""The pathway of relative addresses."""

_STEERING = "#EXT-X-CONTENT-STEERING:"
_IMAGES = "#EXT-X-IMAGE-STREAM-INF:"
_NAMED = ("#EXT-X-STREAM-INF:", "#EXT-X-I-FRAME-STREAM-INF:", "#EXT-X-MEDIA:", _IMAGES)
_PATHWAY = re.compile(r',?PATHWAY-ID="[^"]*"')
_GROUP = re.compile(r'\b(GROUP-ID|AUDIO|VIDEO|SUBTITLES)="([^"]*)"')
_URI = re.compile(r'\bURI="([^"]*)"')
_BEFORE_BASE = frozenset(("ProgramInformation",))


def steering_url(gateway: str, content_id: str, *, dash: bool) -> str:
    """The URL of a title's steering manifest; `gateway` has no slash at its end."""
    return f"{gateway}/steering/{content_id}" + ("?manifest=dash" if dash else "")


def steered_playlist(text: str, server: str, pathways: Mapping[str, str]) -> str:
    """A multivariant playlist with steering. `pathways` maps an id to its base, "" = relative, best first."""
    lines = _plain(text)
    first = next(iter(pathways))
    at = next((index for index, line in enumerate(lines) if line.startswith(_NAMED)), len(lines))
    head, body = lines[:at], lines[at:]
    made = [*head, f'{_STEERING}SERVER-URI="{server}",PATHWAY-ID="{first}"']
    for name, base in pathways.items():
        made += _on_pathway(body, name, base)
    return "\n".join(made) + "\n"


def _plain(text: str) -> list[str]:
    """The lines without those of steering."""
    kept = [line for line in text.splitlines() if not line.startswith(_STEERING)]
    return [_PATHWAY.sub("", line) if line.startswith(_NAMED) else line for line in kept]


def _on_pathway(lines: list[str], name: str, base: str) -> list[str]:
    made = []
    for line in lines:
        if line.startswith(_NAMED):
            variant = not line.startswith(("#EXT-X-MEDIA:", _IMAGES))
            text = _GROUP.sub(rf'\1="\2-{name}"', line) if base else line
            text = _URI.sub(lambda found: f'URI="{base}{found[1]}"', text)
            made.append(f'{text},PATHWAY-ID="{name}"' if variant else text)
        elif line and not line.startswith("#"):
            made.append(base + line)
        elif line:
            made.append(line)
    return made


def steered_manifest(data: bytes, server: str, pathways: Mapping[str, str]) -> bytes:
    """An MPD with steering. `pathways` as for playlists. ValueError when it is no MPD."""
    try:
        root = read_xml(data)
    except ValueError as error:
        raise ValueError(f"not an MPD: {error}") from None
    for name in ("ContentSteering", "BaseURL"):
        for old in root.findall(dash(name)):
            root.remove(old)
    at = sum(child.tag.rpartition("}")[2] in _BEFORE_BASE for child in root)
    for name, base in pathways.items():
        place = ET.Element(dash("BaseURL"), {"serviceLocation": name})
        place.text = base or "./"
        root.insert(at, place)
        at += 1
    steering = ET.Element(dash("ContentSteering"), {"defaultServiceLocation": next(iter(pathways))})
    steering.set("queryBeforeStart", "false")
    steering.text = server
    root.insert(at, steering)
    return write_mpd(root)
