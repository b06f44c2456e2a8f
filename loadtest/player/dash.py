"""DASH manifests (ISO 23009-1) as a Presentation. Pure.

The reader of kernel.media says what is in a manifest; here is what a player makes of it. Played are static MPDs of one
Period, by whatever way of addressing segments. What cannot be played is refused by name.
"""

from collections.abc import Iterator, Sequence

from kernel.media.dash_manifest import MAX_SEGMENTS, AdaptationSet, Manifest, Representation, read_manifest
from kernel.media.dash_manifest import Part as NamedPart
from loadtest.player.licence import key_ids_of
from loadtest.player.presentation import (
    HERE,
    Part,
    PlaylistRef,
    Presentation,
    Rung,
    Segment,
    Source,
    Steering,
    Subtitles,
    Timeline,
    Track,
    UnplayableManifest,
)

MAX_REPRESENTATIONS = 200
MAX_ALL_SEGMENTS = 10 * MAX_SEGMENTS
"""Of all Representations together."""
PREFERRED_AUDIO_BPS = 200_000
"""Audio is not adapted: the best Representation up to this rate plays, else the smallest."""


def read_dash(data: bytes) -> Presentation:
    """A static MPD of one Period. Raises UnplayableManifest, which says what is not supported."""
    try:
        manifest = read_manifest(data)
        if len(manifest.periods) != 1:
            raise ValueError(f"it has {len(manifest.periods)} Periods; exactly one is supported")
        return _presentation(manifest, manifest.periods[0].groups)
    except ValueError as error:
        raise UnplayableManifest(f"MPD: {error}") from None


def _presentation(manifest: Manifest, groups: Sequence[AdaptationSet]) -> Presentation:
    if sum(len(group.representations) for group in groups) > MAX_REPRESENTATIONS:
        raise ValueError(f"it has more than {MAX_REPRESENTATIONS} Representations")
    video = _main([group for group in groups if group.kind == "video" and not group.is_trick_play])
    audio = _main([group for group in groups if group.kind == "audio"])
    if video is None:
        video, audio = audio, None
    if video is None:
        raise ValueError("it has no video and no audio")
    tracks = _Tracks(manifest)
    sound = tracks.of(_chosen_audio(audio.representations), audio.kind) if audio is not None else {}
    texts = tuple(_subtitles(tracks, groups))
    rungs = [
        Rung(
            bandwidth=one.bandwidth,
            average=one.bandwidth,
            sources=tuple(
                Source(pathway, track, sound.get(pathway), tuple(text[pathway] for text in texts))
                for pathway, track in tracks.of(one, video.kind).items()
            ),
            height=one.height or None,
            codecs=one.codecs,
        )
        for one in video.representations
    ]
    ordered = sorted(rungs, key=lambda rung: rung.bandwidth)
    asked = manifest.steering
    steering = Steering(asked.uri, asked.location, asked.before_start) if asked is not None else None
    encrypted = [key_id for group in (video, audio) if group is not None for key_id in group.key_ids]
    return Presentation(
        tuple(ordered), ordered.index(rungs[0]), dash=True, steering=steering, key_ids=key_ids_of(list(encrypted))
    )


def _main(groups: Sequence[AdaptationSet]) -> AdaptationSet | None:
    """The AdaptationSet with Role main, else the first one; players adapt within one set."""
    listed = [group for group in groups if group.representations]
    return next((group for group in listed if "main" in group.roles), listed[0] if listed else None)


def _chosen_audio(audios: Sequence[Representation]) -> Representation:
    fitting = [one for one in audios if one.bandwidth <= PREFERRED_AUDIO_BPS]
    return max(fitting, key=lambda one: one.bandwidth) if fitting else min(audios, key=lambda one: one.bandwidth)


def _subtitles(tracks: "_Tracks", groups: Sequence[AdaptationSet]) -> Iterator[dict[str, Subtitles]]:
    """Each by pathway; a title marks none as default in DASH but by Role main. Those forced are left out."""
    for group in groups:
        if group.kind == "text" and group.representations and "forced-subtitle" not in group.roles:
            found = tracks.of(group.representations[0], f"text/{group.language}")
            is_default = "main" in group.roles
            yield {pathway: Subtitles(track, group.language, is_default) for pathway, track in found.items()}


class _Tracks:
    """Makes tracks of Representations, and counts their segments."""

    def __init__(self, manifest: Manifest) -> None:
        self._segments = 0
        # One pathway for each serviceLocation, or unnamed alternatives in order (§5.6).
        self._locations: dict[str, tuple[str, ...]] = {}
        for number, base in enumerate(manifest.bases, start=1):
            self._locations.setdefault(base.location or HERE * number, (base.uri,))
        self._locations = self._locations or {HERE: ()}

    def of(self, one: Representation, kind: str) -> dict[str, Track]:
        """By pathway. Raises ValueError when nothing says where the segments are."""
        reference, timeline = self._where(one)
        name = f"{kind}/{one.id}"
        return {
            pathway: Track(name, reference, timeline, outer + one.bases) for pathway, outer in self._locations.items()
        }

    def _where(self, one: Representation) -> tuple[PlaylistRef | None, Timeline | None]:
        init = _part(one.init)
        if one.kind in ("SegmentTemplate", "SegmentList"):
            segments = tuple(self._timed(one, init))
            if segments:
                return None, Timeline(segments)
            raise ValueError(f"Representation {one.id!r} has no segment: no SegmentTimeline, durations or names")
        if one.index is not None:
            return PlaylistRef(Part("", one.index), True, init), None
        if one.bases and one.period_s:
            return None, Timeline((Segment(Part(""), 0.0, one.period_s),))
        raise ValueError(f"Representation {one.id!r} has neither segments nor an index")

    def _timed(self, one: Representation, init: Part | None) -> Iterator[Segment]:
        for found in one.segments():
            self._segments += 1
            if self._segments > MAX_ALL_SEGMENTS:
                raise ValueError(f"it has more than {MAX_ALL_SEGMENTS} segments")
            yield Segment(Part(*found.part), found.start, found.duration, init)


def _part(part: NamedPart | None) -> Part | None:
    return Part(*part) if part is not None else None
