"""What the packager is given: a stream for each track of a plan, and the arguments. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kernel.errors import Bug
from kernel.media.content_keys import KeyLabel, label_of_lines
from origin.encode.plan import MIN_LAST_SEGMENT, AudioTrack, EncodePlan, TextTrack, VideoRung
from origin.encode.source import UNKNOWN_LANGUAGE
from origin.encode.text import webvtt_time

MASTER, MANIFEST = "master.m3u8", "manifest.mpd"
INIT, PLAYLIST, I_FRAMES = "init.mp4", "main.m3u8", "iframe.m3u8"


@dataclass(frozen=True, slots=True)
class PackagedStream:
    """A stream of CMAF: a track of the plan.

    `name`: the track's in the plan; `folder`: in the tree; `label`: whose key encrypts it, None for text.
    """

    name: str
    folder: str
    file: Path
    label: KeyLabel | None
    track: VideoRung | AudioTrack | TextTrack


def rendition_folder(name: str, publication: int) -> str:
    """A rendition's folder: `v720` in the first publication, `v720-2` in the second."""
    return name if publication == 1 else f"{name}-{publication}"


def webvtt_folder(track: TextTrack, publication: int) -> str:
    """The folder of a subtitle's WebVTT segments, for HLS; those for DASH are its stream's."""
    return rendition_folder(track.name, publication)


def packaged_streams(plan: EncodePlan, encoded: Path, text: Path, publication: int) -> tuple[PackagedStream, ...]:
    """The streams of a plan; encoded tracks are in the folder `encoded`, WebVTT files in `text`."""
    streams = [
        PackagedStream(
            rung.name, rendition_folder(rung.name, publication), rung.file(encoded), label_of_lines(rung.lines), rung
        )
        for rung in plan.rungs
    ]
    for track in plan.audio:
        folder = rendition_folder(track.name, publication)
        streams.append(PackagedStream(track.name, folder, track.file(encoded), KeyLabel.AUDIO, track))
    for subtitle in plan.text:
        folder = rendition_folder(f"t{subtitle.name.removeprefix('s')}", publication)
        streams.append(PackagedStream(subtitle.name, folder, subtitle.file(text), None, subtitle))
    return tuple(streams)


def labels_of_plan(plan: EncodePlan) -> tuple[KeyLabel, ...]:
    """The labels of all tracks that are encrypted, each once."""
    labels = [label_of_lines(rung.lines) for rung in plan.rungs] + [KeyLabel.AUDIO for _ in plan.audio[:1]]
    return tuple(dict.fromkeys(labels))


def packager_arguments(
    plan: EncodePlan, streams: Sequence[PackagedStream], publication: int, *, encrypted: bool
) -> list[str]:
    """The arguments of the packager, which runs in the folder of the tree."""
    seconds = segment_duration(plan)
    arguments = []
    for stream in streams:
        for fields in _fields(stream, publication):
            label = {"drm_label": str(stream.label)} if encrypted and stream.label else {}
            arguments.append(_joined(fields | label))
    return [
        *arguments, "--quiet", "--single_threaded", "--use_fake_clock_for_muxer",
        "--segment_duration", seconds, "--fragment_duration", seconds,
        "--hls_playlist_type", "VOD", "--per_playlist_target_duration", "--generate_static_live_mpd",
        "--hls_master_playlist_output", MASTER, "--mpd_output", MANIFEST,
    ]  # fmt: skip


def segment_duration(plan: EncodePlan) -> str:
    """The length of a segment in s, rounded down: with a longer one a keyframe is missed, and a segment is double."""
    millionths = plan.gop * plan.rate.denominator * 1_000_000 // plan.rate.numerator
    return f"{millionths // 1_000_000}.{millionths % 1_000_000:06d}"


def _fields(stream: PackagedStream, publication: int) -> list[dict[str, str]]:
    segments = {
        "in": str(stream.file),
        "init_segment": f"{stream.folder}/{INIT}",
        "segment_template": f"{stream.folder}/$Number%05d$.m4s",
    }
    track = stream.track
    if isinstance(track, VideoRung):
        names = {"playlist_name": f"{stream.folder}/{PLAYLIST}", "iframe_playlist_name": f"{stream.folder}/{I_FRAMES}"}
        return [segments | {"stream": "video"} | names]
    # The packager refuses `und`, and two letters that it does not know.
    known = len(track.language) == 3 and track.language != UNKNOWN_LANGUAGE
    language = {"lang": track.language} if known else {}
    if isinstance(track, AudioTrack):
        names = {"playlist_name": f"{stream.folder}/{PLAYLIST}", "hls_group_id": "aud", "hls_name": track.name}
        return [segments | {"stream": "audio"} | names | language]
    folder = webvtt_folder(track, publication)
    webvtt = {"segment_template": f"{folder}/$Number%05d$.vtt", "playlist_name": f"{folder}/{PLAYLIST}"}
    webvtt |= {"in": str(stream.file), "stream": "text", "hls_only": "1"}
    webvtt |= {"hls_group_id": "subs", "hls_name": track.name}
    return [webvtt | language, segments | {"stream": "text", "format": "vtt+mp4", "dash_only": "1"} | language]


def _joined(fields: dict[str, str]) -> str:
    for value in fields.values():
        if "," in value:
            raise Bug(f"the packager cannot take a comma in {value!r}")
    return ",".join(f"{name}={value}" for name, value in fields.items())


def pad_webvtt(text: str, plan: EncodePlan) -> str:
    """WebVTT with an invisible cue at the film's end, so that the packager makes segments up to there.

    It ends at the last segment's start instead if that segment would be a very short one.
    """
    rest = plan.duration % plan.segment_seconds
    end = plan.duration if rest >= MIN_LAST_SEGMENT or plan.duration < plan.segment_seconds else plan.duration - rest
    cue = f"{webvtt_time(end - 0.001)} --> {webvtt_time(end)}\n\N{NO-BREAK SPACE}\n"
    return f"{text.rstrip()}\n\n{cue}"
