"""Video: one ffmpeg call encodes a chunk for a group of rungs; the chunks of a rung are joined without encoding.

A chunk starts at the source's keyframe at or before its first frame, and `fps` drops what is before: seeking
accurately would lose the frame that is still shown at the chunk's start when the frame rate varies.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kernel.errors import Bug
from origin.encode.check import check_frames
from origin.encode.codecs import codec_arguments, encoder_of, track_timescale
from origin.encode.cpus import held_to_cpus
from origin.encode.ffmpeg_call import QUIET, clock_arguments, part_of, run_ffmpeg
from origin.encode.picture import CUBE_FILE, needs_tone_map, peak_of, rung_filters, source_filters, tone_map_filters
from origin.encode.plan import MIN_LAST_SEGMENT, Chunk, EncodePlan, VideoRung
from origin.encode.tone_map import cube
from origin.ingest.decoders import choose_ffmpeg
from origin.ingest.probe import input_name
from origin.ingest.subprocesses import (
    INPUT_GUARD,
    ProgramFailed,
    Programs,
    last_line,
    run_program,
)


def encode_chunk(
    programs: Programs,
    plan: EncodePlan,
    rungs: Sequence[VideoRung],
    chunk: Chunk,
    source: Path,
    folder: Path,
    on_progress: Callable[[float], object],
    threads: int = 0,
) -> tuple[Path, ...]:
    """Encode a chunk for rungs of one group to `rung.chunk_file(folder, chunk)`; returns these files.

    Calls `on_progress` with the seconds of the chunk encoded so far. `threads`: CPUs to use, 0 = all.
    Files appear whole or not at all. Raises BadRequest, StorageFailed.
    """
    targets = tuple(rung.chunk_file(folder, chunk) for rung in rungs)
    parts = tuple(part_of(target) for target in targets)
    ffmpeg = choose_ffmpeg(programs, plan.source.video.codec, *encoder_of(rungs[0]))
    choose_ffmpeg(programs, str(rungs[0].codec))  # the thumbnails decode it: fail now rather than after the encoding
    arguments = chunk_arguments(plan, rungs, chunk, source, parts, threads)
    with _tone_map_folder(plan, rungs) as scratch, held_to_cpus(threads):
        frames = run_ffmpeg(ffmpeg, arguments, source, on_progress, folder=scratch)
    check_frames(frames, chunk.frames, plan)
    for part, target in zip(parts, targets, strict=True):
        part.replace(target)
    return targets


@contextmanager
def _tone_map_folder(plan: EncodePlan, rungs: Sequence[VideoRung]) -> Iterator[Path | None]:
    """A folder with the table of the tone map, for ffmpeg to run in; None where there is none to do."""
    if not needs_tone_map(plan, rungs):
        yield None
        return
    colour = plan.source.video.colour
    with tempfile.TemporaryDirectory(prefix="matinee-tone-map-") as folder:
        (Path(folder) / CUBE_FILE).write_text(cube(plan.tone_map, colour.dynamic, peak_of(colour)), encoding="ascii")
        yield Path(folder)


def chunk_arguments(
    plan: EncodePlan, rungs: Sequence[VideoRung], chunk: Chunk, source: Path, files: Sequence[Path], threads: int
) -> list[str]:
    """The arguments of ffmpeg."""
    arguments = [*QUIET, "-progress", "pipe:1"]
    if threads:
        arguments += ["-threads", str(threads), "-filter_complex_threads", str(threads)]
    arguments += [*INPUT_GUARD, *seek_arguments(plan, chunk), "-i", input_name(source)]
    arguments += ["-filter_complex", _filters(plan, rungs, chunk)]
    for rung, file in zip(rungs, files, strict=True):
        arguments += ["-map", f"[{rung.name}]", *codec_arguments(plan, rung, chunk, threads)]
        arguments += ["-frames:v", str(chunk.frames), "-video_track_timescale", str(track_timescale(plan.rate))]
        arguments += ["-map_metadata", "-1", "-map_chapters", "-1", "-f", "mp4", f"file:{file.absolute()}"]
    return arguments + clock_arguments(plan, plan.source.video.index)


def seek_arguments(plan: EncodePlan, chunk: Chunk) -> list[str]:
    """Times stay those of the film, so that `fps` knows which frame is the chunk's first."""
    if not plan.source.seekable:
        return []
    seek = ["-noaccurate_seek", "-ss", f"{plan.rate.seconds(chunk.start_frame):.6f}"] if chunk.start_frame else []
    return ["-copyts", "-start_at_zero", *seek]


def _filters(plan: EncodePlan, rungs: Sequence[VideoRung], chunk: Chunk) -> str:
    """The rate made constant from the chunk's start, the picture's faults mended, then a branch a rung."""
    labels = "".join(f"[s{index}]" for index in range(len(rungs)))
    start = f"{plan.rate.seconds(chunk.start_frame):.6f}"
    head = [*source_filters(plan), f"fps={plan.rate.text}:start_time={start}", "setpts=PTS-STARTPTS"]
    if chunk.start_frame + chunk.frames >= plan.frames:
        # The container may promise a frame or two more than there are; a truncated film lacks far more than this.
        rest = MIN_LAST_SEGMENT + plan.source.video.tail
        head.append(f"tpad=stop={math.ceil(rest * plan.rate.fraction)}:stop_mode=clone")
    if needs_tone_map(plan, rungs):
        head += tone_map_filters(plan, rungs)
    parts = [f"[0:{plan.source.video.index}]{','.join(head)},split={len(rungs)}{labels}"]
    for index, rung in enumerate(rungs):
        parts.append(f"[s{index}]{','.join(rung_filters(plan, rung))}[{rung.name}]")
    return ";".join(parts)


def join_rung(programs: Programs, plan: EncodePlan, rung: VideoRung, chunk_files: Sequence[Path], folder: Path) -> Path:
    """Join the chunks of a rung, in order, to `rung.file(folder)`. Raises Bug if they do not fit together."""
    target = rung.file(folder)
    listing, part = part_of(target.with_suffix(".txt")), part_of(target)
    listing.write_text("".join(_listed(file) for file in chunk_files), encoding="utf-8", errors="surrogateescape")
    step = track_timescale(plan.rate) * plan.rate.denominator // plan.rate.numerator
    # Durations of the files are in microseconds, so times drift from the frame grid by a tick now and then.
    exact = f"setts=pts=round(PTS/{step})*{step}:dts=round(DTS/{step})*{step}:duration={step}"
    arguments = [
        *QUIET, "-protocol_whitelist", "file", "-f", "concat", "-safe", "0", "-i", f"file:{listing.absolute()}",
        "-map", "0:v", "-c", "copy", "-bsf:v", exact, "-video_track_timescale", str(track_timescale(plan.rate)),
        "-map_metadata", "-1", "-f", "mp4", f"file:{part.absolute()}",
    ]  # fmt: skip
    try:
        run_program(programs.ffmpeg, arguments)
    except ProgramFailed as failed:
        raise Bug(f"the chunks of {rung.name} could not be joined: {last_line(failed.errors)}") from None
    finally:
        listing.unlink(missing_ok=True)
    part.replace(target)
    return target


def _listed(file: Path) -> str:
    quoted = f"file:{file.absolute()}".replace("'", "'\\''")
    return f"file '{quoted}'\n"
