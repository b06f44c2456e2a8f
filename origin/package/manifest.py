"""Finishes the packager's MPD (ISO 23009-1): one AdaptationSet an audio track, roles, labels, the image track. Pure.

Elements are put in the order of the schema, which the packager does not keep.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement  # only to write

from kernel.errors import Bug
from kernel.media.dash_manifest import MAX_SEGMENTS
from kernel.media.mpd_document import dash
from origin.encode.plan import EncodePlan
from origin.package.images import ImageTrack, image_adaptation_set
from origin.package.key_signals import folder_of
from origin.package.packaged_track import PackagedTrack
from origin.package.track_labels import TrackLabel, label_audio, label_text

_ROLE = "urn:mpeg:dash:role:2011"
_ORDER = (
    "FramePacking", "AudioChannelConfiguration", "ContentProtection", "EssentialProperty", "SupplementalProperty",
    "Label", "Accessibility", "Role", "SegmentTemplate", "Representation",
)  # fmt: skip
_RANK = {dash(name): rank for rank, name in enumerate(_ORDER)}


def finish_manifest(
    root: Element,
    plan: EncodePlan,
    packaged: Mapping[str, PackagedTrack],
    text_folders: Mapping[str, str],
    images: ImageTrack | None,
) -> None:
    """Finish the tree in place. `packaged` by track name; `text_folders`: those of the wvtt tracks, by track name."""
    root.set("mediaPresentationDuration", f"PT{plan.duration:.6f}".rstrip("0").rstrip(".") + "S")
    period = root.find(dash("Period"))
    if period is None:
        raise Bug("the packager's manifest has no Period")
    _split_audio(period, {packaged[track.name].folder for track in plan.audio})
    audio, text = label_audio(plan.audio), label_text(plan.text)
    labels = {packaged[name].folder: label for name, label in audio.items()}
    labels |= {text_folders[name]: label for name, label in text.items()}
    by_folder = {track.folder: track for track in packaged.values()}
    for group in period.findall(dash("AdaptationSet")):
        folder = _folders(group)[0]
        if folder in labels:
            _set_label(group, labels[folder])
        else:
            group.set("startWithSAP", "1")
            group.set("frameRate", plan.rate.text.removesuffix("/1"))
            _replace_roles(group, ("main",))
        for shown in group.findall(dash("Representation")):
            _set_timeline(shown, by_folder)
    if images is not None:
        period.append(image_adaptation_set(images, _next_id(period)))
    for group in period.findall(dash("AdaptationSet")):
        group[:] = sorted(group, key=lambda child: _RANK.get(child.tag, -1))


def _folders(group: Element) -> list[str]:
    found = [folder_of(template) for template in group.iter(dash("SegmentTemplate"))]
    if not found:
        raise Bug("the packager's manifest has an AdaptationSet without segments")
    return found


def _next_id(period: Element) -> int:
    return 1 + max((int(group.get("id", "0")) for group in period.findall(dash("AdaptationSet"))), default=-1)


def _split_audio(period: Element, audio: set[str]) -> None:
    """One AdaptationSet a Representation: the packager puts stereo and 5.1, and tracks of one language, into one."""
    for group in period.findall(dash("AdaptationSet")):
        shown = group.findall(dash("Representation"))
        if not set(_folders(group)) <= audio or len(shown) < 2:
            continue
        for extra in shown[1:]:
            group.remove(extra)
            made = Element(group.tag, dict(group.attrib) | {"id": str(_next_id(period)), "segmentAlignment": "true"})
            made.extend(child for child in group if child.tag != dash("Representation"))
            made.append(extra)
            period.insert(list(period).index(group) + 1, made)
        group.set("segmentAlignment", "true")


def _set_label(group: Element, label: TrackLabel) -> None:
    if label.language:
        group.set("lang", label.language)
    group.set("startWithSAP", "1")
    group.set("segmentAlignment", "true")
    for old in group.findall(dash("Label")) + group.findall(dash("Accessibility")):
        group.remove(old)
    SubElement(group, dash("Label")).text = label.name
    if label.accessibility is not None:
        scheme, value = label.accessibility
        SubElement(group, dash("Accessibility"), {"schemeIdUri": scheme, "value": value})
    _replace_roles(group, label.roles)


def _replace_roles(group: Element, roles: Sequence[str]) -> None:
    for old in group.findall(dash("Role")):
        group.remove(old)
    for role in roles:
        SubElement(group, dash("Role"), {"schemeIdUri": _ROLE, "value": role})


def _set_timeline(shown: Element, by_folder: Mapping[str, PackagedTrack]) -> None:
    """The segments as they are now: the last two of a track may have become one."""
    template = shown.find(dash("SegmentTemplate"))
    track = by_folder.get(folder_of(template)) if template is not None else None
    if template is None or track is None:
        return
    timeline = template.find(dash("SegmentTimeline"))
    if timeline is None:
        raise Bug(f"the packager's manifest has no timeline of {track.folder}")
    timeline[:] = []
    at = 0
    for ticks, run in groupby(track.durations):
        count = len(list(run))
        repeats = {"r": str(count - 1)} if count > 1 else {}
        SubElement(timeline, dash("S"), {"t": str(at), "d": str(ticks)} | repeats)
        at += ticks * count


def read_tracks(root: Element) -> dict[str, tuple[str, int, tuple[int, ...]]]:
    """(codecs, timescale, durations in ticks) of each Representation's folder in the packager's MPD.

    Raises ValueError for numbers that are none, a timescale of 0, and more than MAX_SEGMENTS segments.
    """
    found = {}
    for group in root.iter(dash("AdaptationSet")):
        for shown in group.findall(dash("Representation")):
            template = shown.find(dash("SegmentTemplate"))
            if template is None:
                continue
            durations: list[int] = []
            for entry in template.iter(dash("S")):
                count = 1 + int(entry.get("r", "0"))
                if count + len(durations) > MAX_SEGMENTS:
                    raise ValueError(f"{folder_of(template)} has more than {MAX_SEGMENTS} segments")
                durations += [int(entry.get("d", "0"))] * count
            codecs, timescale = shown.get("codecs") or group.get("codecs") or "", int(template.get("timescale", "1"))
            if timescale < 1:
                raise ValueError(f"the timescale of {folder_of(template)} is {timescale}")
            found[folder_of(template)] = (codecs, timescale, tuple(durations))
    return found
