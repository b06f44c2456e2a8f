"""DASH manifests (ISO 23009-1): Periods, AdaptationSets, Representations, and where their segments are. Pure.

The one reader of MPDs: the edge takes the segments' names of it (`mpd`), the load tester plays by it. Segments are
produced on demand, so that a caller who needs names alone pays for no more. Static MPDs are read, by
SegmentTemplate (`$Number$` and `$Time$`, both with a width, by duration or SegmentTimeline), SegmentList, and
SegmentBase with an index; with BaseURL at every level. The mpegdash package reads without bounds on entities, depth or
repetitions. Over 300 lines because the ways of addressing segments share inheritance, timelines and bounds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from xml.etree.ElementTree import Element  # only the type

from kernel.media.playlist import ByteRange
from kernel.media.xml_reader import read_xml

MAX_SEGMENTS = 100_000
"""Segments of one Representation."""
MAX_REPRESENTATIONS = 1_000
MAX_NAME = 2_048
"""Characters of a segment's name, of a template and of a BaseURL: a few bytes of template make a name a segment."""
MAX_ID = 256
"""Characters of a Representation's id or bandwidth, which a template may hold many times."""

_DURATION = re.compile(r"P(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,18})?)S)?)?", re.ASCII)
_FIELD = re.compile(r"\$(?:(RepresentationID|Bandwidth|Number|Time)(?:%0(\d{1,2})d)?)?\$")
_RANGE = re.compile(r"(\d{1,15})-(\d{1,15})", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,18}", re.ASCII)
_UNIT_SECONDS = (86_400.0, 3_600.0, 60.0, 1.0)
_KINDS = frozenset(("SegmentTemplate", "SegmentList", "SegmentBase"))
_ATTRIBUTES = frozenset(
    ("media", "initialization", "timescale", "startNumber", "duration", "presentationTimeOffset", "indexRange")
)
_NESTED = frozenset(("SegmentTimeline", "Initialization"))
_DEFAULT_KID = "{urn:mpeg:cenc:2013}default_KID"


class Part(NamedTuple):
    """A resource, or a range of it. An empty `uri` is the resource that the BaseURLs name."""

    uri: str
    byte_range: ByteRange | None = None


class TimedPart(NamedTuple):
    """A media segment; `start` and `duration` in seconds of its Period."""

    part: Part
    start: float
    duration: float


class BaseUrl(NamedTuple):
    """A BaseURL of the MPD itself; `location` is its serviceLocation."""

    uri: str
    location: str = ""


class ContentSteering(NamedTuple):
    """ContentSteering (ETSI TS 103 998)."""

    uri: str
    location: str | None
    before_start: bool


@dataclass(frozen=True, slots=True)
class Representation:
    """One rendition in one Period. `bases` are the BaseURLs from the Period inwards, each relative to the last one."""

    id: str
    bandwidth: int
    bandwidth_text: str
    height: int
    mime_type: str
    codecs: str
    bases: tuple[str, ...]
    period_s: float
    addressing: SegmentAddressing

    @property
    def kind(self) -> str:
        """`SegmentTemplate`, `SegmentList`, `SegmentBase`, or empty: the BaseURLs name all of it."""
        return self.addressing.kind

    @property
    def index(self) -> ByteRange | None:
        """Where the `sidx` box of the resource is (SegmentBase)."""
        return _range(self.addressing.attributes.get("indexRange"))

    @property
    def init(self) -> Part | None:
        """The init segment."""
        how = self.addressing
        template = how.attributes.get("initialization")
        if how.kind == "SegmentTemplate" and template:
            return Part(_filled(_bounded(template), self._fixed(), 0, 0))
        found = how.nested.get("Initialization")
        if found is None:
            return None
        return Part(_bounded(found.get("sourceURL", "")), _range(found.get("range")))

    def segments(self) -> Iterator[TimedPart]:
        """The media segments in order; none where the MPD does not name them. Raises ValueError."""
        if self.kind == "SegmentTemplate" and "media" in self.addressing.attributes:
            return self._of_template()
        return self._of_list() if self.kind == "SegmentList" else iter(())

    def _fixed(self) -> dict[str, str]:
        return {"RepresentationID": self.id, "Bandwidth": self.bandwidth_text}

    def _of_template(self) -> Iterator[TimedPart]:
        how, fixed = self.addressing, self._fixed()
        template = _bounded(how.attributes["media"])
        timescale, first, offset = how.timescale, how.number("startNumber", 1), how.offset
        for index, (at, length) in enumerate(self._times(None)):
            name = _filled(template, fixed, first + index, at)
            yield TimedPart(Part(name), (at - offset) / timescale, self._clipped(at - offset, length, timescale))

    def _of_list(self) -> Iterator[TimedPart]:
        how = self.addressing
        rows = _children(how.element, "SegmentURL") if how.element is not None else []
        _checked(len(rows))
        offset, timescale = how.offset, how.timescale
        for row, (at, length) in zip(rows, self._times(len(rows)), strict=False):
            part = Part(_bounded(row.get("media", "")), _range(row.get("mediaRange")))
            yield TimedPart(part, (at - offset) / timescale, length / timescale)

    def _times(self, count: int | None) -> Iterator[tuple[int, int]]:
        """(start, duration) of the segments in the timescale; `count` is that of a list."""
        how = self.addressing
        offset, whole = how.offset, self.period_s * how.timescale
        timeline = how.nested.get("SegmentTimeline")
        if timeline is not None:
            return _timed(timeline, offset + whole)
        length = how.number("duration", 0)
        if count is None:
            count = math.ceil(whole / length - 1e-6) if length > 0 else 0
        elif length <= 0:
            # A list without durations is one of equal segments.
            length = math.ceil(whole / max(count, 1))
        return ((offset + at * length, length) for at in range(_checked(count)))

    def _clipped(self, start: int, length: int, timescale: int) -> float:
        """The last segment ends where the Period does."""
        full, left = length / timescale, self.period_s - start / timescale
        return min(full, left) if left > 0 else full


@dataclass(frozen=True, slots=True)
class AdaptationSet:
    """Representations that a player may switch between."""

    kind: str
    """`video`, `audio`, `text`, or what the MPD says."""
    language: str
    roles: tuple[str, ...]
    is_trick_play: bool
    key_ids: tuple[str, ...]
    """default_KID of its ContentProtection, as written."""
    representations: tuple[Representation, ...]


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of the presentation."""

    seconds: float
    groups: tuple[AdaptationSet, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A static MPD."""

    bases: tuple[BaseUrl, ...]
    steering: ContentSteering | None
    periods: tuple[Period, ...]


def read_manifest(data: bytes) -> Manifest:
    """A static MPD. Raises ValueError, which says what it is instead or what is not read."""
    try:
        root = read_xml(data)
    except ValueError as error:
        raise ValueError(f"not an MPD: {error}") from None
    if _name(root) != "MPD":
        raise ValueError(f"not an MPD: the root element is {_name(root)[:40]!r}")
    if root.get("type", "static") != "static":
        raise ValueError("type is 'dynamic': live DASH is not supported")
    whole = _seconds(root.get("mediaPresentationDuration"))
    counted = [0]
    periods = tuple(_period(element, whole, counted) for element in _children(root, "Period"))
    bases = (BaseUrl(_text(base), base.get("serviceLocation", "")) for base in _children(root, "BaseURL"))
    return Manifest(tuple(bases), _steering(root), periods)


@dataclass(frozen=True, slots=True)
class SegmentAddressing:
    """The segment information of a Period, an AdaptationSet and a Representation; the inner one has priority
    (§5.3.9.1).

    It is read once for each level, not once for each Representation, which would be quadratic.
    """

    kind: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    nested: Mapping[str, Element] = field(default_factory=dict)
    element: Element | None = None

    def inside(self, level: Element) -> SegmentAddressing:
        """With the information of an inner level."""
        found = [child for child in level if _name(child) in _KINDS]
        if not found:
            return self
        kind, attributes, nested, last = self.kind, dict(self.attributes), dict(self.nested), self.element
        for element in found:
            kind, last = _name(element), element
            attributes.update({name: text for name, text in element.attrib.items() if name in _ATTRIBUTES})
            nested.update({_name(child): child for child in element if _name(child) in _NESTED})
        return SegmentAddressing(kind, attributes, nested, last)

    def number(self, name: str, otherwise: int) -> int:
        """A whole number. Raises ValueError."""
        return _number(self.attributes, name, otherwise)

    @property
    def timescale(self) -> int:
        """Units a second."""
        return max(1, self.number("timescale", 1))

    @property
    def offset(self) -> int:
        """presentationTimeOffset, in units."""
        return self.number("presentationTimeOffset", 0)


def _period(period: Element, whole: float, counted: list[int]) -> Period:
    seconds = _seconds(period.get("duration")) or whole
    of_period, base = SegmentAddressing().inside(period), _base(period)
    groups = []
    for group in _children(period, "AdaptationSet"):
        of_group, bases = of_period.inside(group), base + _base(group)
        elements = _children(group, "Representation")
        counted[0] += len(elements)
        if counted[0] > MAX_REPRESENTATIONS:
            raise ValueError(f"more than {MAX_REPRESENTATIONS} Representations")
        made = tuple(_representation(one, group, bases, seconds, of_group) for one in elements)
        groups.append(_group(group, elements, made))
    return Period(seconds, tuple(groups))


def _representation(
    one: Element, group: Element, bases: tuple[str, ...], seconds: float, of_group: SegmentAddressing
) -> Representation:
    if any(len(one.get(name, "")) > MAX_ID for name in ("id", "bandwidth")):
        raise ValueError(f"a Representation's id or bandwidth has more than {MAX_ID} characters")
    return Representation(
        id=one.get("id", ""),
        bandwidth=_number(one.attrib, "bandwidth", 0),
        bandwidth_text=one.get("bandwidth", "0"),
        height=_number(one.attrib, "height", _number(group.attrib, "height", 0)),
        mime_type=one.get("mimeType") or group.get("mimeType") or "",
        codecs=one.get("codecs") or group.get("codecs") or "",
        bases=bases + _base(one),
        period_s=seconds,
        addressing=of_group.inside(one),
    )


def _group(group: Element, elements: Sequence[Element], made: tuple[Representation, ...]) -> AdaptationSet:
    protections = [child for level in (group, *elements) for child in _children(level, "ContentProtection")]
    key_ids = dict.fromkeys(kid[:MAX_ID] for child in protections if (kid := child.get(_DEFAULT_KID)))
    properties = _children(group, "EssentialProperty") + _children(group, "SupplementalProperty")
    return AdaptationSet(
        kind=_kind(group, elements, made),
        language=group.get("lang", "")[:MAX_ID],
        roles=tuple(child.get("value", "")[:MAX_ID] for child in _children(group, "Role")),
        # DASH-IF IOP §3.2.9 marks trick-play sets by a descriptor.
        is_trick_play=any(one.get("schemeIdUri", "").endswith("trickmode") for one in properties),
        key_ids=tuple(key_ids),
        representations=made,
    )


def _kind(group: Element, elements: Sequence[Element], made: tuple[Representation, ...]) -> str:
    named = group.get("contentType") or next((kind for one in elements if (kind := one.get("contentType"))), "")
    mime, codecs = (made[0].mime_type, made[0].codecs) if made else (group.get("mimeType", ""), "")
    if mime == "application/ttml+xml" or codecs.startswith(("stpp", "wvtt")):
        return "text"
    return named or mime.partition("/")[0]


def _steering(root: Element) -> ContentSteering | None:
    found = _children(root, "ContentSteering")
    if not found:
        return None
    before = found[0].get("queryBeforeStart", "false") == "true"
    return ContentSteering(_text(found[0]), found[0].get("defaultServiceLocation"), before)


def _base(level: Element) -> tuple[str, ...]:
    found = _children(level, "BaseURL")
    return (_text(found[0]),) if found else ()


def _text(element: Element) -> str:
    return _bounded((element.text or "").strip())


def _timed(timeline: Element, end: float) -> Iterator[tuple[int, int]]:
    """(start, duration) of each segment in the timescale (§5.3.9.6)."""
    rows = _children(timeline, "S")
    at = count = 0
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        at, length, repeat = _number(row.attrib, "t", at), _number(row.attrib, "d", 0), _number(row.attrib, "r", 0)
        if length <= 0:
            raise ValueError("an S element without a duration")
        if repeat < 0:
            until = _number(following.attrib, "t", at) if following is not None else end
            repeat = max(0, math.ceil((until - at) / length - 1e-6) - 1)
        count = _checked(count + repeat + 1)
        for _ in range(repeat + 1):
            yield at, length
            at += length


def _checked(count: int) -> int:
    if count > MAX_SEGMENTS:
        raise ValueError(f"a Representation has more than {MAX_SEGMENTS} segments")
    return count


def _bounded(name: str) -> str:
    if len(name) > MAX_NAME:
        raise ValueError(f"a name of more than {MAX_NAME} characters")
    return name


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


def _number(attributes: Mapping[str, str], name: str, otherwise: int) -> int:
    text = attributes.get(name)
    if text is None:
        return otherwise
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{name} is not a whole number: {text[:40]!r}")
    return int(text)


def _seconds(text: str | None) -> float:
    match = _DURATION.fullmatch(text or "")
    if match is None:
        return 0.0
    return sum(float(part or 0) * unit for part, unit in zip(match.groups(), _UNIT_SECONDS, strict=True))


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _children(element: Element, name: str) -> list[Element]:
    return [child for child in element if _name(child) == name]
