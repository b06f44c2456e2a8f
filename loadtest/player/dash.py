"""DASH manifests (ISO 23009-1) as a Presentation. Pure.

Over 300 lines because the four ways of addressing segments share inheritance, timelines and bounds.

Read are static MPDs of one Period: SegmentTemplate by number, by time and by SegmentTimeline, SegmentList, and
SegmentBase with its `sidx`. What cannot be played is refused by name. The bounded XML reader of kernel.media does the
parsing; the mpegdash package reads without bounds on entities, depth, or repetitions.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from xml.etree.ElementTree import Element  # only the type

from kernel.media.playlist import ByteRange
from kernel.media.xml_reader import read_xml
from loadtest.player.presentation import (
    HERE,
    Part,
    PlaylistRef,
    Presentation,
    Rung,
    Segment,
    Source,
    Steering,
    Timeline,
    Track,
    UnplayableManifest,
)

MAX_SEGMENTS = 100_000
"""Segments of one Representation."""
MAX_REPRESENTATIONS = 200
MAX_TEMPLATE = 2_048
"""Characters of a template: a few bytes of it make a name for each segment."""
PREFERRED_AUDIO_BPS = 200_000
"""Audio is not adapted: the best Representation up to this rate plays, else the smallest."""

_DURATION = re.compile(r"P(?:(\d{1,6})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,18})?)S)?)?", re.ASCII)
_UNIT_SECONDS = (86_400.0, 3_600.0, 60.0, 1.0)
_IDENTIFIER = re.compile(r"\$(?:(RepresentationID|Bandwidth|Number|Time)(?:%0(\d{1,2})d)?)?\$")
_RANGE = re.compile(r"(\d{1,15})-(\d{1,15})", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,18}", re.ASCII)
_ADDRESSING = ("SegmentTemplate", "SegmentList", "SegmentBase")


def read_dash(data: bytes) -> Presentation:
    """A static MPD of one Period. Raises UnplayableManifest, which says what is not supported."""
    try:
        root = read_xml(data)
        if _name(root) != "MPD":
            raise ValueError(f"the root element is {_name(root)[:40]!r}")
        if root.get("type", "static") != "static":
            raise ValueError("type is 'dynamic': live DASH is not supported")
        periods = _children(root, "Period")
        if len(periods) != 1:
            raise ValueError(f"it has {len(periods)} Periods; exactly one is supported")
        return _presentation(root, periods[0])
    except ValueError as error:
        raise UnplayableManifest(f"MPD: {error}") from None


class _Representation(NamedTuple):
    element: Element
    group: Element
    bases: tuple[Sequence[str], ...]
    """BaseURLs of the Period, AdaptationSet and Representation, each empty or a single one."""
    addressing: "_Addressing"

    @property
    def bandwidth(self) -> int:
        return _integer(self.element.attrib, "bandwidth", 0)

    @property
    def kind(self) -> str:
        """The first half of the MIME type."""
        named = self.element.get("contentType") or self.group.get("contentType")
        mime = self.element.get("mimeType") or self.group.get("mimeType") or ""
        return named or mime.partition("/")[0]


def _presentation(root: Element, period: Element) -> Presentation:
    seconds = _seconds(period.get("duration")) or _seconds(root.get("mediaPresentationDuration"))
    listed = list(_representations(period))
    if len(listed) > MAX_REPRESENTATIONS:
        raise ValueError(f"it has more than {MAX_REPRESENTATIONS} Representations")
    locations = _locations(root)
    videos = _first_group([one for one in listed if one.kind == "video" and not _is_trick_play(one.group)])
    audios = _first_group([one for one in listed if one.kind == "audio"])
    if not videos:
        videos, audios = audios, []
    if not videos:
        raise ValueError("it has no video and no audio")
    audio = _tracks(_chosen_audio(audios), locations, seconds) if audios else {}
    rungs = [_rung(one, _tracks(one, locations, seconds), audio) for one in videos]
    ordered = sorted(rungs, key=lambda rung: rung.bandwidth)
    return Presentation(tuple(ordered), ordered.index(rungs[0]), dash=True, steering=_steering(root))


def _rung(one: _Representation, videos: Mapping[str, Track], audio: Mapping[str, Track]) -> Rung:
    height = _integer(one.element.attrib, "height", _integer(one.group.attrib, "height", 0))
    return Rung(
        bandwidth=one.bandwidth,
        average=one.bandwidth,
        sources=tuple(Source(pathway, track, audio.get(pathway)) for pathway, track in videos.items()),
        height=height or None,
        codecs=one.element.get("codecs") or one.group.get("codecs") or "",
    )


def _representations(period: Element) -> Iterator[_Representation]:
    of_period, in_period = _Addressing().inside(period), _base(period)
    for group in _children(period, "AdaptationSet"):
        of_group, in_group = of_period.inside(group), _base(group)
        for one in _children(group, "Representation"):
            yield _Representation(one, group, (in_period, in_group, _base(one)), of_group.inside(one))


def _first_group(found: Sequence[_Representation]) -> list[_Representation]:
    """Those of the AdaptationSet with Role main, else of the first one; players adapt within one set."""
    main = next((one.group for one in found if _has_role(one.group, "main")), found[0].group if found else None)
    return [one for one in found if one.group is main]


def _has_role(group: Element, role: str) -> bool:
    return any(child.get("value") == role for child in _children(group, "Role"))


def _is_trick_play(group: Element) -> bool:
    """DASH-IF IOP §3.2.9 marks trick-play sets by a descriptor."""
    children = _children(group, "EssentialProperty") + _children(group, "SupplementalProperty")
    return any(child.get("schemeIdUri", "").endswith("trickmode") for child in children)


def _chosen_audio(audios: Sequence[_Representation]) -> _Representation:
    fitting = [one for one in audios if one.bandwidth <= PREFERRED_AUDIO_BPS]
    return max(fitting, key=lambda one: one.bandwidth) if fitting else min(audios, key=lambda one: one.bandwidth)


def _locations(root: Element) -> dict[str, tuple[str, ...]]:
    """Pathway → BaseURLs of the MPD: one for each serviceLocation, or unnamed alternatives in order (§5.6)."""
    found: dict[str, tuple[str, ...]] = {}
    for number, base in enumerate(_children(root, "BaseURL"), start=1):
        found.setdefault(base.get("serviceLocation") or HERE * number, ((base.text or "").strip(),))
    return found or {HERE: ()}


def _base(level: Element) -> Sequence[str]:
    found = _children(level, "BaseURL")
    return [(found[0].text or "").strip()] if found else []


def _steering(root: Element) -> Steering | None:
    found = _children(root, "ContentSteering")
    if not found:
        return None
    before = found[0].get("queryBeforeStart", "false") == "true"
    return Steering((found[0].text or "").strip(), found[0].get("defaultServiceLocation"), before)


@dataclass(frozen=True, slots=True)
class _Addressing:
    """The segment addressing of a Period, an AdaptationSet and a Representation; inner levels override (§5.3.9.1)."""

    kind: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    children: Mapping[str, Element] = field(default_factory=dict)
    element: Element | None = None

    def inside(self, level: Element) -> "_Addressing":
        found = next((child for child in level if _name(child) in _ADDRESSING), None)
        if found is None:
            return self
        return _Addressing(
            _name(found),
            {**self.attributes, **found.attrib},
            {**self.children, **{_name(child): child for child in found}},
            found,
        )

    def number(self, name: str, otherwise: int) -> int:
        return _integer(self.attributes, name, otherwise)


def _tracks(one: _Representation, locations: Mapping[str, tuple[str, ...]], seconds: float) -> dict[str, Track]:
    readers: dict[str, Callable[[_Representation, float], tuple[Segment, ...]]] = {
        "SegmentTemplate": _by_template,
        "SegmentList": _by_list,
    }
    inner = tuple(base for bases in one.bases for base in bases)
    name, kind = one.element.get("id", "")[:256], one.addressing.kind
    reference, timeline = None, None
    if kind in readers:
        segments = readers[kind](one, seconds)
        if not segments:
            raise ValueError(f"Representation {name!r} has no segment")
        timeline = Timeline(segments)
    elif "indexRange" in one.addressing.attributes:
        reference = PlaylistRef(Part("", _range(one.addressing.attributes["indexRange"])), True, _initialization(one))
    elif inner and seconds:
        timeline = Timeline((Segment(Part(""), 0.0, seconds),))
    else:
        raise ValueError(f"Representation {name!r} has neither segments nor an index")
    return {
        pathway: Track(f"{one.kind}/{name}", reference, timeline, outer + inner) for pathway, outer in locations.items()
    }


def _by_template(one: _Representation, seconds: float) -> tuple[Segment, ...]:
    how = one.addressing
    media = how.attributes.get("media", "")
    if not media or len(media) > MAX_TEMPLATE:
        raise ValueError(f"SegmentTemplate@media has {len(media)} characters")
    timescale, first = max(1, how.number("timescale", 1)), how.number("startNumber", 1)
    offset = how.number("presentationTimeOffset", 0)
    timeline = how.children.get("SegmentTimeline")
    if timeline is not None:
        times = list(_timed(timeline, offset + seconds * timescale))
    else:
        length = how.number("duration", 0)
        if length <= 0 or seconds <= 0:
            raise ValueError("SegmentTemplate has neither a SegmentTimeline nor durations")
        count = _checked(math.ceil(seconds * timescale / length - 1e-6))
        times = [(offset + index * length, length) for index in range(count)]
    fixed = {"RepresentationID": one.element.get("id", "")[:256], "Bandwidth": one.element.get("bandwidth", "")[:20]}
    init = how.attributes.get("initialization")
    init_part = Part(_filled(init, fixed, 0, 0)) if init and len(init) <= MAX_TEMPLATE else None
    return tuple(
        Segment(
            Part(_filled(media, fixed, first + index, at)),
            (at - offset) / timescale,
            _clipped(at - offset, length, seconds, timescale),
            init_part,
        )
        for index, (at, length) in enumerate(times)
    )


def _clipped(start: int, length: int, seconds: float, timescale: int) -> float:
    """The last segment ends where the Period does."""
    full = length / timescale
    left = seconds - start / timescale
    return min(full, left) if left > 0 else full


def _timed(timeline: Element, end: float) -> Iterator[tuple[int, int]]:
    """(start, duration) of each segment in the timescale (§5.3.9.6)."""
    rows = _children(timeline, "S")
    at = count = 0
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        at, length, repeat = _integer(row.attrib, "t", at), _integer(row.attrib, "d", 0), _integer(row.attrib, "r", 0)
        if length <= 0:
            raise ValueError("an S element without a duration")
        if repeat < 0:
            until = _integer(following.attrib, "t", at) if following is not None else end
            repeat = max(0, math.ceil((until - at) / length - 1e-6) - 1)
        count = _checked(count + repeat + 1)
        for _ in range(repeat + 1):
            yield at, length
            at += length


def _by_list(one: _Representation, seconds: float) -> tuple[Segment, ...]:
    how = one.addressing
    rows = _children(how.element, "SegmentURL") if how.element is not None else []
    _checked(len(rows))
    timescale, timeline = max(1, how.number("timescale", 1)), how.children.get("SegmentTimeline")
    length = how.number("duration", 0)
    if timeline is not None:
        times = list(_timed(timeline, seconds * timescale))
    elif length > 0:
        times = [(index * length, length) for index in range(len(rows))]
    else:
        times = [(0, math.ceil(seconds * timescale))]
    init = _initialization(one)
    return tuple(
        Segment(Part(row.get("media", ""), _range(row.get("mediaRange"))), at / timescale, size / timescale, init)
        for row, (at, size) in zip(rows, times, strict=False)
    )


def _initialization(one: _Representation) -> Part | None:
    found = one.addressing.children.get("Initialization")
    if found is None:
        return None
    return Part(found.get("sourceURL", ""), _range(found.get("range")))


def _filled(template: str, fixed: Mapping[str, str], number: int, time: int) -> str:
    """The template's identifiers replaced (§5.3.9.4.4); `$$` is a dollar."""

    def one(match: re.Match[str]) -> str:
        name, width = match[1], match[2]
        if name is None:
            return "$"
        if name in fixed:
            return fixed[name]
        value = number if name == "Number" else time
        return f"{value:0{int(width)}d}" if width else str(value)

    return _IDENTIFIER.sub(one, template)


def _checked(count: int) -> int:
    if count > MAX_SEGMENTS:
        raise ValueError(f"a Representation has more than {MAX_SEGMENTS} segments")
    return count


def _range(text: str | None) -> ByteRange | None:
    match = _RANGE.fullmatch(text or "")
    if match is None or int(match[2]) < int(match[1]):
        return None
    return ByteRange(int(match[1]), int(match[2]) - int(match[1]) + 1)


def _integer(attributes: Mapping[str, str], name: str, otherwise: int) -> int:
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
