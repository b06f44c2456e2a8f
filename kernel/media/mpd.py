"""The segment names of a DASH manifest's Representations, relative to the manifest. Pure.

A Representation whose segments the manifest does not name (SegmentBase, a single resource) is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urljoin

from kernel.media.dash_manifest import MAX_NAME, MAX_SEGMENTS, Part, read_manifest

__all__ = ["MAX_SEGMENTS", "NamedRepresentation", "Part", "parse_mpd"]


@dataclass(frozen=True, slots=True)
class NamedRepresentation:
    """One rendition in one Period."""

    id: str
    init: Part | None
    segments: tuple[Part, ...]


def parse_mpd(data: bytes) -> tuple[NamedRepresentation, ...]:
    """The renditions whose segments are named; ValueError when it is no static MPD, or grows beyond all bounds."""
    manifest = read_manifest(data)
    outer = manifest.bases[0].uri if manifest.bases else ""
    listed = [one for period in manifest.periods for group in period.groups for one in group.representations]
    found: list[NamedRepresentation] = []
    total = 0
    for one in listed:
        if not (one.kind == "SegmentList" or (one.kind == "SegmentTemplate" and "media" in one.addressing.attributes)):
            continue
        base = _joined(outer, one.bases)
        segments = []
        for timed in one.segments():
            total += 1
            if total > 10 * MAX_SEGMENTS:
                raise ValueError(f"more than {10 * MAX_SEGMENTS} segments")
            segments.append(_within(base, timed.part))
        init = one.init
        named = tuple(part for part in segments if part.uri)
        found.append(NamedRepresentation(one.id, _within(base, init) if init is not None else None, named))
    return tuple(found)


def _joined(outer: str, bases: Sequence[str]) -> str:
    base = outer
    for inner in bases:
        base = urljoin(base, inner) if inner else base
        if len(base) > MAX_NAME:
            raise ValueError(f"a name of more than {MAX_NAME} characters")
    return base


def _within(base: str, part: Part) -> Part:
    return Part(urljoin(base, part.uri) if part.uri else base, part.byte_range)
