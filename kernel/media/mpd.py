"""DASH manifests (ISO 23009-1): the segment names of each Representation. Pure.

Reads static MPDs with SegmentTemplate (`$Number$` and `$Time$`, both with a width, by duration or SegmentTimeline) and
SegmentList, with BaseURL at every level. A Representation with other addressing has no segment names and is left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urljoin
from xml.etree.ElementTree import Element  # only the type

from kernel.media.playlist import ByteRange
from kernel.media.xml_reader import read_xml

MAX_SEGMENTS = 100_000
"""Segments read of one Representation, and of all of a manifest's ten times as many."""
MAX_REPRESENTATIONS = 1_000
MAX_NAME = 2_048
"""Characters of a segment's name, of a template and of a BaseURL: a few bytes of template make a name a segment."""
MAX_ID = 256
"""Characters of a Representation's id or bandwidth, which a template may hold many times."""

_DURATION = re.compile(r"P(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,18})?)S)?)?", re.ASCII)
_FIELD = re.compile(r"\$(?:(RepresentationID|Bandwidth|Number|Time)(?:%0(\d{1,2})d)?)?\$")
_RANGE = re.compile(r"(\d{1,15})-(\d{1,15})", re.ASCII)
_UNIT_SECONDS = (86_400.0, 3_600.0, 60.0, 1.0)


@dataclass(frozen=True, slots=True)
class Part:
    """A resource, or a range of it; `uri` is relative to the manifest's own."""

    uri: str
    byte_range: ByteRange | None = None


@dataclass(frozen=True, slots=True)
class Representation:
    """One rendition in one Period."""

    id: str
    init: Part | None
    segments: tuple[Part, ...]
    rows: int = 0
    """Lines of the manifest, or segments, that were read for it."""


def parse_mpd(data: bytes) -> tuple[Representation, ...]:
    """The renditions whose segments are named; ValueError when it is no static MPD."""
    try:
        root = read_xml(data)
    except ValueError as error:
        raise ValueError(f"not an MPD: {error}") from None
    if _name(root) != "MPD":
        raise ValueError(f"not an MPD but {_name(root)[:40]!r}")
    if root.get("type", "static") != "static":
        raise ValueError("an MPD that changes while it is played is not read")
    found: list[Representation] = []
    total = 0
    for representation in _representations(root):
        total += representation.rows
        if total > 10 * MAX_SEGMENTS:
            raise ValueError(f"more than {10 * MAX_SEGMENTS} segments")
        if len(found) == MAX_REPRESENTATIONS:
            raise ValueError(f"more than {MAX_REPRESENTATIONS} Representations")
        found.append(representation)
    return tuple(found)


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _children(element: Element, name: str) -> list[Element]:
    return [child for child in element if _name(child) == name]


_ATTRIBUTES = frozenset(("media", "initialization", "timescale", "startNumber", "duration", "presentationTimeOffset"))
_NESTED = frozenset(("SegmentTimeline", "Initialization"))


@dataclass(frozen=True, slots=True)
class _Addressing:
    """The segment information of a Period, an AdaptationSet and a Representation; the inner one has priority
    (§5.3.9.1).

    It is read once for each level, not once for each Representation, which would be quadratic.
    """

    kind: str = ""
    told: Mapping[str, str] = field(default_factory=dict)
    nested: Mapping[str, Element] = field(default_factory=dict)

    def inside(self, level: Element) -> _Addressing:
        """Add the information of an inner level."""
        kind, told, nested = self.kind, dict(self.told), dict(self.nested)
        for element in level:
            if _name(element) in ("SegmentTemplate", "SegmentList"):
                kind = _name(element)
                told.update({name: text for name, text in element.attrib.items() if name in _ATTRIBUTES})
                nested.update({_name(child): child for child in element if _name(child) in _NESTED})
                nested[kind] = element
        return _Addressing(kind, told, nested)


def _representations(root: Element) -> Iterator[Representation]:
    whole, base = _seconds(root.get("mediaPresentationDuration")), _based("", root)
    for period in _children(root, "Period"):
        seconds = _seconds(period.get("duration")) or whole
        in_period, of_period = _based(base, period), _Addressing().inside(period)
        for group in _children(period, "AdaptationSet"):
            in_group, of_group = _based(in_period, group), of_period.inside(group)
            for one in _children(group, "Representation"):
                made = _read(one, of_group.inside(one), _based(in_group, one), seconds)
                if made is not None:
                    yield made


def _based(base: str, element: Element) -> str:
    named = next((child.text or "" for child in _children(element, "BaseURL")), "").strip()
    return _bounded(urljoin(base, _bounded(named)) if named else base)


def _bounded(name: str) -> str:
    if len(name) > MAX_NAME:
        raise ValueError(f"a name of more than {MAX_NAME} characters")
    return name


def _read(one: Element, addressing: _Addressing, base: str, seconds: float) -> Representation | None:
    if any(len(one.get(name, "")) > MAX_ID for name in ("id", "bandwidth")):
        raise ValueError(f"a Representation's id or bandwidth has more than {MAX_ID} characters")
    told, nested = addressing.told, addressing.nested
    if addressing.kind == "SegmentTemplate" and "media" in told:
        return _of_template(one, base, told, nested.get("SegmentTimeline"), seconds)
    if addressing.kind == "SegmentList":
        return _of_list(one, base, nested)
    return None


def _of_template(
    one: Element, base: str, told: Mapping[str, str], timeline: Element | None, seconds: float
) -> Representation:
    timescale, first = _number(told, "timescale", 1), _number(told, "startNumber", 1)
    fixed = {"RepresentationID": one.get("id", ""), "Bandwidth": one.get("bandwidth", "0")}
    if timeline is not None:
        times = list(_times(timeline, _number(told, "presentationTimeOffset", 0) + seconds * timescale))
    else:
        length = _number(told, "duration", 0)
        count = math.ceil(seconds * timescale / length - 1e-6) if length > 0 else 0
        if count > MAX_SEGMENTS:
            raise ValueError(f"{count} segments")
        times = [at * length for at in range(count)]
    template = _bounded(told["media"])
    names = (_filled(template, fixed, first + at, time) for at, time in enumerate(times))
    init = told.get("initialization")
    return Representation(
        id=one.get("id", ""),
        init=Part(urljoin(base, _filled(_bounded(init), fixed, 0, 0))) if init else None,
        segments=tuple(Part(urljoin(base, name)) for name in names),
        rows=1 + len(times),
    )


def _times(timeline: Element, end: float) -> Iterator[int]:
    """The start of each segment in the timescale (§5.3.9.6)."""
    rows = _children(timeline, "S")
    at = count = 0
    for row, after in zip(rows, [*rows[1:], None], strict=True):
        at, length, again = _number(row.attrib, "t", at), _number(row.attrib, "d", 0), _number(row.attrib, "r", 0)
        if length <= 0:
            raise ValueError("a segment of the timeline without length")
        if again < 0:
            until = _number(after.attrib, "t", at) if after is not None else end
            again = max(0, math.ceil((until - at) / length - 1e-6) - 1)
        count += again + 1
        if count > MAX_SEGMENTS:
            raise ValueError(f"more than {MAX_SEGMENTS} segments")
        for _ in range(again + 1):
            yield at
            at += length


def _of_list(one: Element, base: str, nested: Mapping[str, Element]) -> Representation:
    init = nested.get("Initialization")
    rows: Sequence[Element] = _children(nested["SegmentList"], "SegmentURL")
    if len(rows) > MAX_SEGMENTS:
        raise ValueError(f"{len(rows)} segments")
    parts = [Part(_joined(base, row.get("media")), _range(row.get("mediaRange"))) for row in rows]
    return Representation(
        id=one.get("id", ""),
        init=Part(_joined(base, init.get("sourceURL")), _range(init.get("range"))) if init is not None else None,
        segments=tuple(part for part in parts if part.uri),
        rows=1 + len(rows),
    )


def _joined(base: str, name: str | None) -> str:
    return urljoin(base, _bounded(name)) if name else base


def _filled(template: str, fixed: Mapping[str, str], number: int, time: int) -> str:
    """The template's identifiers replaced (§5.3.9.4.4); `$$` is a dollar."""
    numbers = {"Number": number, "Time": time}

    def one(match: re.Match[str]) -> str:
        name, width = match[1], match[2]
        if name is None:
            return "$"
        if name in numbers:
            return f"{numbers[name]:0{int(width)}d}" if width else str(numbers[name])
        return fixed[name]

    return _bounded(_FIELD.sub(one, template))


def _range(text: str | None) -> ByteRange | None:
    match = _RANGE.fullmatch(text or "")
    if match is None or int(match[2]) < int(match[1]):
        return None
    return ByteRange(int(match[1]), int(match[2]) - int(match[1]) + 1)


def _number(told: Mapping[str, str], name: str, otherwise: int) -> int:
    text = told.get(name)
    if text is None:
        return otherwise
    if not re.fullmatch(r"-?\d{1,18}", text, re.ASCII):
        raise ValueError(f"{name} is no number: {text[:40]!r}")
    return int(text)


def _seconds(text: str | None) -> float:
    match = _DURATION.fullmatch(text or "")
    if match is None:
        return 0.0
    return sum(float(part or 0) * unit for part, unit in zip(match.groups(), _UNIT_SECONDS, strict=True))
