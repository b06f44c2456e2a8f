"""Encoding: one ffmpeg call produces all video and audio renditions, so that the source is decoded once.

docs/design.md explains the options. Keyframes are forced by time and bounded by `-g`, which counts frames, because
frame rates vary; the frame rate is made constant so that the segments of all renditions start at the same times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kernel.errors import BadRequest
from kernel.media.ladder import SEGMENT_SECONDS, Rung, gop_frames
from origin.ingest.probe import AudioTrack, Source, input_name, printable_path
from origin.ingest.subprocesses import INPUT_GUARD, ProgramFailed, Programs, last_line, stream_program

RECIPE = 1
"""Increase it whenever the same film would be encoded differently: a new value causes a new publication."""

AUDIO_BITS = 128_000
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
_CRF = 21


@dataclass(frozen=True, slots=True)
class Track:
    """One encoded file: a video rung or an audio track; `name` is its folder in the first publication."""

    name: str
    rung: Rung | None = None
    audio: AudioTrack | None = None

    def file(self, folder: Path) -> Path:
        """The path of its encoded file."""
        return folder / f"{self.name}.mp4"


def plan_tracks(source: Source, rungs: tuple[Rung, ...]) -> tuple[Track, ...]:
    """The video renditions, then the audio tracks: `a_eng`, and `a_eng2` for a second one of the language."""
    tracks = [Track(rung.name, rung=rung) for rung in rungs]
    seen: dict[str, int] = {}
    for audio in source.audio:
        seen[audio.language] = seen.get(audio.language, 0) + 1
        count = seen[audio.language]
        tracks.append(Track(f"a_{audio.language}{count if count > 1 else ''}", audio=audio))
    return tuple(tracks)


def ffmpeg_arguments(film: Path, source: Source, tracks: tuple[Track, ...], preset: str, folder: Path) -> list[str]:
    """The arguments of ffmpeg, which writes `<name>.mp4` for each track to `folder`."""
    video = [track for track in tracks if track.rung]
    arguments = ["-y", "-nostdin", "-hide_banner", "-v", "error", "-nostats", "-progress", "pipe:1"]
    arguments += [*INPUT_GUARD, "-i", input_name(film), "-filter_complex", _filters(source, video)]
    for track in tracks:
        arguments += _video(track.rung, source, preset) if track.rung else _audio(track, source)
        arguments += ["-map_metadata", "-1", "-map_chapters", "-1", "-f", "mp4", f"file:{track.file(folder)}"]
    return arguments


def _filters(source: Source, video: list[Track]) -> str:
    """Make the rate constant from time 0, then split and scale the picture (already rotated by ffmpeg)."""
    rate = f"{source.rate.numerator}/{source.rate.denominator}"
    labels = "".join(f"[s{index}]" for index in range(len(video)))
    parts = [f"[0:{source.video_index}]fps={rate}:start_time=0,split={len(video)}{labels}"]
    for index, track in enumerate(video):
        rung = track.rung
        assert rung is not None  # noqa: S101 (only video tracks are passed)
        parts.append(f"[s{index}]scale={rung.width}:{rung.height}:flags=bicubic,setsar=1,format=yuv420p[{track.name}]")
    return ";".join(parts)


def _video(rung: Rung, source: Source, preset: str) -> list[str]:
    frames = str(gop_frames(source.rate))
    return [
        "-map", f"[{rung.name}]", "-c:v", "libx264", "-preset", preset, "-profile:v", "high",
        "-crf", str(_CRF), "-maxrate", str(rung.peak), "-bufsize", str(rung.buffer),
        "-g", frames, "-keyint_min", frames, "-sc_threshold", "0", "-bf", "2", "-flags", "+cgop",
        "-force_key_frames", f"expr:gte(t,n_forced*{SEGMENT_SECONDS})",
        "-x264-params", "open-gop=0:scenecut=0",
        "-video_track_timescale", str(source.rate.numerator * (1 if source.rate.numerator > 10_000 else 1000)),
    ]  # fmt: skip


def _audio(track: Track, source: Source) -> list[str]:
    assert track.audio is not None  # noqa: S101 (a track without a rung is audio)
    # Audio starts and ends with the picture: gaps and short tracks are padded with silence.
    filters = "aresample=48000:async=1:first_pts=0"
    if source.duration is not None:
        filters += f",apad=whole_dur={source.duration:.3f}"
    return [
        "-map", f"0:{track.audio.index}", "-c:a", "aac", "-b:a", str(AUDIO_BITS), "-ac", "2", "-ar", "48000",
        "-af", filters, "-metadata:s:a:0", f"language={track.audio.language}",
    ]  # fmt: skip


def encode(
    programs: Programs,
    film: Path,
    arguments: list[str],
    on_time: Callable[[float], object],
) -> str:
    """Run ffmpeg; calls `on_time` with the seconds of film encoded so far. Returns ffmpeg's error output.

    Its exit status says little (0 for a truncated film), so `verify.check_encoded` decides. Raises BadRequest.
    """

    def progress(line: str) -> None:
        name, _, value = line.strip().partition("=")
        if name == "out_time_us" and value.isdecimal():
            on_time(int(value) / 1e6)

    try:
        return stream_program(programs.ffmpeg, arguments, progress)
    except ProgramFailed as failed:
        if failed.status < 0:
            raise BadRequest(500, "encode-stopped", f"ffmpeg was stopped by signal {-failed.status}") from None
        raise BadRequest(
            422, "not-decodable", f"{printable_path(film)} could not be encoded: {last_line(failed.errors)}"
        ) from None
