"""MPEG-TS HLS of a clear title, for players that know nothing else: `ts/v720/00001.ts` …, sound and picture together.

Of the H.264 rungs, with the default sound in each segment; other sound is in renditions of its own (`ts/a_fra/…`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from kernel.errors import Bug
from kernel.media.playlist import parse_media
from origin.encode.plan import MIN_LAST_SEGMENT, AudioTrack, EncodePlan, VideoRung
from origin.encode.profile import Codec
from origin.ingest.subprocesses import ProgramFailed, Programs, last_line, run_program
from origin.package.hls_media import write_transport_stream, yes_no
from origin.package.packaged_track import PackagedTrack
from origin.package.streams import segment_duration
from origin.package.track_labels import label_audio

FOLDER = "ts"
_TICKS = 90_000
_LISTED = "listed.m3u8"


def stereo_tracks(plan: EncodePlan) -> tuple[AudioTrack, ...]:
    """The sound of MPEG-TS: at most two channels, the default first."""
    return tuple(track for track in plan.audio if track.channels <= 2)


def transport_rungs(plan: EncodePlan) -> tuple[VideoRung, ...]:
    """The rungs of MPEG-TS."""
    return tuple(rung for rung in plan.rungs if rung.codec is Codec.H264)


def package_transport_stream(
    programs: Programs, plan: EncodePlan, encoded: Path, tree: Path, folders: Mapping[str, str]
) -> dict[str, PackagedTrack]:
    """Write `ts/<folder>/` of each rung and each further sound track; returns what was packaged, by track name.

    `folders`: of each track by name, as in CMAF. Raises Bug.
    """
    sound = stereo_tracks(plan)
    made: dict[str, PackagedTrack] = {}
    for rung in transport_rungs(plan):
        inputs = [rung.file(encoded), *(track.file(encoded) for track in sound[:1])]
        made[rung.name] = _package(programs, plan, inputs, tree, folders[rung.name])
    for track in sound[1:]:
        made[track.name] = _package(programs, plan, [track.file(encoded)], tree, folders[track.name])
    return made


def segment_arguments(plan: EncodePlan, inputs: Sequence[Path], out: Path) -> list[str]:
    """The arguments of ffmpeg, which copies the encoded tracks into segments in `out`."""
    arguments = ["-y", "-nostdin", "-v", "error"]
    for file in inputs:
        arguments += ["-protocol_whitelist", "file", "-i", f"file:{file.absolute()}"]
    for index in range(len(inputs)):
        arguments += ["-map", f"{index}:0"]
    return [
        *arguments, "-c", "copy", "-f", "hls", "-hls_segment_type", "mpegts", "-hls_playlist_type", "vod",
        "-hls_time", segment_duration(plan), "-hls_flags", "independent_segments",
        "-hls_list_size", "0", "-start_number", "1", "-hls_segment_filename", str(out.absolute() / "%05d.ts"),
        str(out.absolute() / _LISTED),
    ]  # fmt: skip


def _package(programs: Programs, plan: EncodePlan, inputs: Sequence[Path], tree: Path, folder: str) -> PackagedTrack:
    out = tree / FOLDER / folder
    out.mkdir(parents=True)
    try:
        run_program(programs.ffmpeg, segment_arguments(plan, inputs, out))
        listed = parse_media((out / _LISTED).read_text(encoding="utf-8"))
    except ProgramFailed as failed:
        raise Bug(f"packaging {FOLDER}/{folder} failed: {last_line(failed.errors)}") from None
    except (OSError, ValueError) as error:
        raise Bug(f"ffmpeg's playlist of {FOLDER}/{folder} cannot be read: {error}") from None
    (out / _LISTED).unlink()
    seconds = [segment.duration for segment in listed.segments]
    names = [segment.uri for segment in listed.segments]
    if len(names) > 1 and seconds[-1] < MIN_LAST_SEGMENT:
        join_files(out / names[-2], out / names[-1])
        seconds[-2:] = [sum(seconds[-2:])]
        names.pop()
    (out / "main.m3u8").write_text(write_transport_stream(seconds, names), encoding="utf-8")
    ticks = tuple(round(one * _TICKS) for one in seconds)
    sizes = tuple((out / name).stat().st_size for name in names)
    return PackagedTrack(f"{FOLDER}/{folder}", "", _TICKS, ticks, sizes)


def join_files(file: Path, rest: Path) -> None:
    """Append `rest` to `file` and delete it."""
    with file.open("ab") as opened:
        opened.write(rest.read_bytes())
    rest.unlink()


def write_transport_multivariant(
    plan: EncodePlan, made: Mapping[str, PackagedTrack], cmaf: Mapping[str, PackagedTrack]
) -> str:
    """The multivariant playlist; codecs are those of the CMAF tracks. `made` by track name."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:6", "#EXT-X-INDEPENDENT-SEGMENTS"]
    sound, labels = stereo_tracks(plan), label_audio(plan.audio)
    for place, track in enumerate(sound):
        label = labels[track.name]
        language = f',LANGUAGE="{label.language}"' if label.language else ""
        # Without a URI the rendition is in the variant's own segments (RFC 8216 §4.3.4.2.1).
        uri = f',URI="{made[track.name].folder}/main.m3u8"' if place else ""
        chosen = "DEFAULT=YES,AUTOSELECT=YES" if place == 0 else f"DEFAULT=NO,AUTOSELECT={yes_no(label.autoselect)}"
        name = f'NAME="{label.name}",{chosen},CHANNELS="{track.channels}"'
        lines.append(f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aud"{language},{name}{uri}')
    extra = [made[track.name] for track in sound[1:]]
    audio = ',AUDIO="aud"' if sound else ""
    for rung in transport_rungs(plan):
        video = made[rung.name]
        peak = video.peak + max((track.peak for track in extra), default=0)
        average = video.average + max((track.average for track in extra), default=0)
        codecs = ",".join(dict.fromkeys([cmaf[rung.name].codecs, *(cmaf[track.name].codecs for track in sound)]))
        lines.append(
            f'#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},CODECS="{codecs}",'
            f"RESOLUTION={rung.width}x{rung.height},FRAME-RATE={float(plan.rate.fraction):.3f},VIDEO-RANGE=SDR"
            f"{audio},CLOSED-CAPTIONS=NONE"
        )
        lines.append(f"{video.folder}/main.m3u8")
    return "\n".join(lines) + "\n"
