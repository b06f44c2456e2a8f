"""Checks an MPD against facts of the schema DASH-MPD.xsd (ISO 23009-1): elements, their order, attributes, types. Pure.

The facts are those of the element types that VOD manifests use; an element of DASH's namespace that is not listed is
reported. Elements and attributes of other namespaces may stand where the schema has `xs:any`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element  # only the type

from kernel.media.mpd_document import DASH_NAMESPACE
from kernel.media.xml_reader import read_xml

MAX_FINDINGS = 100
_STRING = re.compile(r"[^\x00]*+")
_WORDS = re.compile(r"[^\r\n\t ]*+", re.ASCII)
_UINT = re.compile(r"\d{1,10}", re.ASCII)
_ULONG = re.compile(r"\d{1,20}", re.ASCII)
_INT = re.compile(r"-?\d{1,18}", re.ASCII)
_DOUBLE = re.compile(r"-?\d{1,18}(?:\.\d{1,18})?", re.ASCII)
_BOOLEAN = re.compile(r"true|false|0|1")
_UINT_OR_BOOLEAN = re.compile(r"\d{1,10}|true|false", re.ASCII)
_DURATION = re.compile(
    r"P(?=.)(?:\d{1,9}Y)?(?:\d{1,9}M)?(?:\d{1,9}D)?"
    r"(?:T(?=.)(?:\d{1,9}H)?(?:\d{1,9}M)?(?:\d{1,9}(?:\.\d{1,12})?S)?)?",
    re.ASCII,
)
_LANGUAGE = re.compile(r"[a-zA-Z]{1,8}(?:-[a-zA-Z0-9]{1,8}){0,8}", re.ASCII)
_RATIO = re.compile(r"\d{0,9}:\d{0,9}", re.ASCII)
_FRAME_RATE = re.compile(r"\d{1,9}(?:/[1-9]\d{0,8})?", re.ASCII)
_SAMPLING_RATE = re.compile(r"\d{1,9}(?: \d{1,9})?", re.ASCII)
_SAP = re.compile(r"[0-6]")
_SCAN = re.compile(r"progressive|interlaced|unknown")
_CONTENT = re.compile(r"text|image|audio|video|application|font")
_PRESENTATION = re.compile(r"static|dynamic")
_PATTERNS = {
    "string": _STRING, "words": _WORDS, "uint": _UINT, "ulong": _ULONG, "int": _INT, "double": _DOUBLE,
    "boolean": _BOOLEAN, "uint or boolean": _UINT_OR_BOOLEAN, "duration": _DURATION, "language": _LANGUAGE,
    "ratio": _RATIO, "frame rate": _FRAME_RATE, "sampling rate": _SAMPLING_RATE, "SAP type": _SAP,
    "scan type": _SCAN, "content type": _CONTENT, "presentation type": _PRESENTATION,
}  # fmt: skip
MANY = 1_000_000


@dataclass(frozen=True, slots=True)
class ElementType:
    """A complex type: attributes by name (`!` before the type: required), children in order with the most of each."""

    attributes: Mapping[str, str] = field(default_factory=dict)
    children: Mapping[str, int] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    text: bool = False


_SEGMENT_BASE = {
    "timescale": "uint", "presentationTimeOffset": "ulong", "presentationDuration": "ulong", "eptDelta": "int",
    "indexRange": "string", "indexRangeExact": "boolean", "availabilityTimeOffset": "double",
    "availabilityTimeComplete": "boolean", "timeShiftBufferDepth": "duration",
}  # fmt: skip
_MULTIPLE = _SEGMENT_BASE | {"duration": "uint", "startNumber": "uint", "endNumber": "uint"}
_SEGMENT_PARTS = {"Initialization": 1, "RepresentationIndex": 1, "SegmentTimeline": 1, "BitstreamSwitching": 1}
_COMMON = {
    "profiles": "string", "width": "uint", "height": "uint", "sar": "ratio", "frameRate": "frame rate",
    "audioSamplingRate": "sampling rate", "mimeType": "string", "segmentProfiles": "string", "codecs": "string",
    "maximumSAPPeriod": "double", "startWithSAP": "SAP type", "maxPlayoutRate": "double",
    "codingDependency": "boolean", "scanType": "scan type", "selectionPriority": "uint", "tag": "string",
}  # fmt: skip
_COMMON_CHILDREN = dict.fromkeys(
    (
        "FramePacking", "AudioChannelConfiguration", "ContentProtection", "OutputProtection", "EssentialProperty",
        "SupplementalProperty", "InbandEventStream", "Switching", "RandomAccess", "GroupLabel", "Label",
        "ProducerReferenceTime", "ContentPopularityRate",
    ),
    MANY,
)  # fmt: skip
_ADDRESSING = {"BaseURL": MANY, "SegmentBase": 1, "SegmentList": 1, "SegmentTemplate": 1}
_DESCRIPTOR = ElementType({"schemeIdUri": "!string", "value": "string", "id": "string"})
_LABEL = ElementType({"id": "uint", "lang": "language"}, text=True)
_URL = ElementType({"sourceURL": "string", "range": "string"})

SCHEMA: dict[str, ElementType] = {
    "MPD": ElementType(
        {
            "id": "string", "profiles": "!string", "type": "presentation type", "availabilityStartTime": "string",
            "availabilityEndTime": "string", "publishTime": "string", "mediaPresentationDuration": "duration",
            "minimumUpdatePeriod": "duration", "minBufferTime": "!duration", "timeShiftBufferDepth": "duration",
            "suggestedPresentationDelay": "duration", "maxSegmentDuration": "duration",
            "maxSubsegmentDuration": "duration",
        },
        dict.fromkeys(("ProgramInformation", "BaseURL", "Location", "PatchLocation", "ServiceDescription"), MANY)
        | dict.fromkeys(("InitializationSet", "InitializationGroup", "InitializationPresentation"), MANY)
        | {"ContentProtection": MANY, "ContentSteering": 1, "Period": MANY, "Metrics": MANY}
        | dict.fromkeys(("EssentialProperty", "SupplementalProperty", "UTCTiming"), MANY)
        | {"LeapSecondInformation": 1},
        needs=("Period",),
    ),
    "BaseURL": ElementType(
        {
            "serviceLocation": "string", "byteRange": "string", "availabilityTimeOffset": "double",
            "availabilityTimeComplete": "boolean", "timeShiftBufferDepth": "duration", "rangeAccess": "boolean",
        },
        text=True,
    ),
    "ContentSteering": ElementType(
        {
            "defaultServiceLocation": "string", "queryBeforeStart": "boolean", "clientRequirement": "boolean",
        },
        text=True,
    ),
    "Period": ElementType(
        {"id": "string", "start": "duration", "duration": "duration", "bitstreamSwitching": "boolean"},
        _ADDRESSING
        | {"AssetIdentifier": 1}
        | dict.fromkeys(("EventStream", "ServiceDescription", "ContentProtection", "AdaptationSet", "Subset"), MANY)
        | dict.fromkeys(("SupplementalProperty", "EmptyAdaptationSet", "GroupLabel", "Preselection"), MANY),
    ),
    "AdaptationSet": ElementType(
        _COMMON
        | {
            "id": "uint", "group": "uint", "lang": "language", "contentType": "content type", "par": "ratio",
            "minBandwidth": "uint", "maxBandwidth": "uint", "minWidth": "uint", "maxWidth": "uint",
            "minHeight": "uint", "maxHeight": "uint", "minFrameRate": "frame rate", "maxFrameRate": "frame rate",
            "segmentAlignment": "uint or boolean", "subsegmentAlignment": "uint or boolean",
            "subsegmentStartsWithSAP": "SAP type", "bitstreamSwitching": "boolean", "initializationSetRef": "string",
        },
        _COMMON_CHILDREN
        | dict.fromkeys(("Accessibility", "Role", "Rating", "Viewpoint", "ContentComponent"), MANY)
        | _ADDRESSING
        | {"Representation": MANY},
    ),
    "Representation": ElementType(
        _COMMON
        | {
            "id": "!words", "bandwidth": "!uint", "qualityRanking": "uint", "dependencyId": "string",
            "associationId": "string", "associationType": "string", "mediaStreamStructureId": "string",
        },
        _COMMON_CHILDREN | {"BaseURL": MANY, "SubRepresentation": MANY} | _ADDRESSING,
    ),
    "SegmentTemplate": ElementType(
        _MULTIPLE
        | {"media": "string", "index": "string", "initialization": "string", "bitstreamSwitching": "string"},
        _SEGMENT_PARTS,
    ),
    "SegmentList": ElementType(_MULTIPLE, _SEGMENT_PARTS | {"SegmentURL": MANY}),
    "SegmentBase": ElementType(_SEGMENT_BASE, {"Initialization": 1, "RepresentationIndex": 1}),
    "SegmentURL": ElementType(
        {"media": "string", "mediaRange": "string", "index": "string", "indexRange": "string"}
    ),
    "SegmentTimeline": ElementType({}, {"S": MANY}),
    "S": ElementType({"t": "ulong", "n": "ulong", "d": "!ulong", "r": "int", "k": "ulong"}),
    "Initialization": _URL,
    "RepresentationIndex": _URL,
    "BitstreamSwitching": _URL,
    "Label": _LABEL,
    "GroupLabel": _LABEL,
    "ProgramInformation": ElementType(
        {"lang": "language", "moreInformationURL": "string"}, {"Title": 1, "Source": 1, "Copyright": 1}
    ),
    "Title": ElementType(text=True),
    "Source": ElementType(text=True),
    "Copyright": ElementType(text=True),
} | dict.fromkeys(
    (
        "FramePacking", "AudioChannelConfiguration", "ContentProtection", "EssentialProperty", "SupplementalProperty",
        "Accessibility", "Role", "Rating", "Viewpoint", "AssetIdentifier", "UTCTiming",
    ),
    _DESCRIPTOR,
)  # fmt: skip


def check_mpd(data: bytes) -> list[str]:
    """What is at fault in a document, each with the path of its element; at most MAX_FINDINGS."""
    try:
        root = read_xml(data)
    except ValueError as error:
        return [f"is not XML: {error}"]
    namespace, _, name = root.tag[1:].rpartition("}")
    if (namespace, name) != (DASH_NAMESPACE, "MPD"):
        return [f"its root is {name!r} in the namespace {namespace!r}, not MPD"]
    found: list[str] = []
    for fault in _faults(root, "MPD", "MPD"):
        found.append(fault)
        if len(found) == MAX_FINDINGS:
            break
    return found


def _faults(element: Element, name: str, path: str) -> Iterator[str]:
    kind = SCHEMA.get(name)
    if kind is None:
        yield f"{path}: no such element is known here"
        return
    yield from _attribute_faults(element, kind, path)
    if not kind.text and (element.text or "").strip():
        yield f"{path}: has text"
    order = list(kind.children)
    at, counts = 0, dict.fromkeys(order, 0)
    for child in element:
        namespace, _, child_name = str(child.tag).lstrip("{").rpartition("}")
        if namespace != DASH_NAMESPACE:
            continue
        if child_name not in counts:
            yield f"{path}: {child_name} is not allowed in {name}"
            continue
        if order.index(child_name) < at:
            yield f"{path}: {child_name} stands behind {order[at]}"
        at = max(at, order.index(child_name))
        counts[child_name] += 1
        yield from _faults(child, child_name, f"{path}/{child_name}[{counts[child_name]}]")
    for child_name, count in counts.items():
        if count > kind.children[child_name]:
            yield f"{path}: {count} of {child_name}, {kind.children[child_name]} at most"
    for child_name in kind.needs:
        if not counts[child_name]:
            yield f"{path}: no {child_name}"


def _attribute_faults(element: Element, kind: ElementType, path: str) -> Iterator[str]:
    for name, text in element.attrib.items():
        if name.startswith("{"):
            continue
        wanted = kind.attributes.get(name)
        if wanted is None:
            yield f"{path}: @{name} is not allowed"
        elif not _PATTERNS[wanted.lstrip("!")].fullmatch(text):
            yield f"{path}: @{name} {text[:60]!r} is no {wanted.lstrip('!')}"
    for name, wanted in kind.attributes.items():
        if wanted.startswith("!") and name not in element.attrib:
            yield f"{path}: no @{name}"
