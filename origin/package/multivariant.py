"""Writes the multivariant playlist (RFC 8216bis §4.4.6) of a title from its plan and what was packaged. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from origin.encode.plan import AudioTrack, EncodePlan, VideoRung
from origin.encode.source import Dynamic
from origin.package.hls_media import yes_no
from origin.package.images import ImageTrack, image_stream_line
from origin.package.packaged_track import PackagedTrack
from origin.package.track_labels import TrackLabel, label_audio, label_text

_RANGES = {Dynamic.SDR: "SDR", Dynamic.HDR10: "PQ", Dynamic.HLG: "HLG"}
_SUBTITLES = "subs"
_SURROUND_CHANNELS = 6


@dataclass(frozen=True, slots=True)
class AudioGroup:
    """A group of EXT-X-MEDIA: one rendition of each audio stream."""

    name: str
    tracks: tuple[AudioTrack, ...]


@dataclass(frozen=True, slots=True)
class IFrameRates:
    """Of an I-frame playlist, in bit/s."""

    peak: int
    average: int


def audio_groups(tracks: Sequence[AudioTrack]) -> tuple[AudioGroup, ...]:
    """Stereo, and a second group with 5.1 where a stream has it. Both list every stream, so that none is lost."""
    plain = tuple(track for track in tracks if track.channels < _SURROUND_CHANNELS)
    wide = {track.index: track for track in tracks if track.channels >= _SURROUND_CHANNELS}
    groups = [AudioGroup("aud", plain)] if plain else []
    if wide:
        listed = tuple(wide.get(track.index, track) for track in plain) or tuple(wide.values())
        groups.append(AudioGroup("aud-51", listed))
    return tuple(groups)


def write_multivariant(
    plan: EncodePlan,
    packaged: Mapping[str, PackagedTrack],
    i_frames: Mapping[str, IFrameRates],
    text_folders: Mapping[str, str],
    images: ImageTrack | None,
) -> str:
    """The playlist. `packaged` and `i_frames` by track name; `text_folders`: those of WebVTT by track name."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:6", "#EXT-X-INDEPENDENT-SEGMENTS"]
    groups = audio_groups(plan.audio)
    labels = label_audio(plan.audio)
    for group in groups:
        lines += [_audio_line(group, track, labels[track.name], packaged[track.name]) for track in group.tracks]
    for name, label in label_text(plan.text).items():
        lines.append(_text_line(label, text_folders[name]))
    for group_of_rungs in plan.groups():
        for audio in groups or (None,):
            for rung in group_of_rungs:
                lines += _variant(plan, rung, packaged, audio)
    for rung in plan.rungs:
        lines.append(_i_frame_line(rung, packaged[rung.name], i_frames[rung.name]))
    if images is not None:
        lines.append(image_stream_line(images))
    return "\n".join(lines) + "\n"


def _audio_line(group: AudioGroup, track: AudioTrack, label: TrackLabel, packaged: PackagedTrack) -> str:
    return _media_line("AUDIO", group.name, label, packaged.folder, f',CHANNELS="{track.channels}"')


def _text_line(label: TrackLabel, folder: str) -> str:
    return _media_line("SUBTITLES", _SUBTITLES, label, folder, f",FORCED={yes_no(label.forced)}")


def _media_line(kind: str, group: str, label: TrackLabel, folder: str, more: str) -> str:
    language = f',LANGUAGE="{label.language}"' if label.language else ""
    characteristics = f',CHARACTERISTICS="{label.characteristics}"' if label.characteristics else ""
    return (
        f'#EXT-X-MEDIA:TYPE={kind},GROUP-ID="{group}"{language},NAME="{label.name}",DEFAULT={yes_no(label.default)},'
        f'AUTOSELECT={yes_no(label.autoselect)}{more}{characteristics},URI="{folder}/main.m3u8"'
    )


def _variant(
    plan: EncodePlan, rung: VideoRung, packaged: Mapping[str, PackagedTrack], audio: AudioGroup | None
) -> list[str]:
    video = packaged[rung.name]
    sound = [packaged[track.name] for track in audio.tracks] if audio else []
    # The largest sum of any combination that can be played together (§4.4.6.2).
    peak = video.peak + max((track.peak for track in sound), default=0)
    average = video.average + max((track.average for track in sound), default=0)
    codecs = ",".join(dict.fromkeys([video.codecs, *(track.codecs for track in sound)]))
    groups = f',AUDIO="{audio.name}"' if audio else ""
    groups += f',SUBTITLES="{_SUBTITLES}"' if plan.text else ""
    line = (
        f'#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},CODECS="{codecs}",'
        f"RESOLUTION={rung.width}x{rung.height},FRAME-RATE={float(plan.rate.fraction):.3f},"
        f"VIDEO-RANGE={_RANGES[rung.dynamic]}{groups},CLOSED-CAPTIONS=NONE"
    )
    return [line, f"{video.folder}/main.m3u8"]


def _i_frame_line(rung: VideoRung, video: PackagedTrack, rates: IFrameRates) -> str:
    return (
        f"#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={max(rates.peak, rates.average, 1)},"
        f'AVERAGE-BANDWIDTH={max(rates.average, 1)},CODECS="{video.codecs}",'
        f'RESOLUTION={rung.width}x{rung.height},VIDEO-RANGE={_RANGES[rung.dynamic]},URI="{video.folder}/iframe.m3u8"'
    )
