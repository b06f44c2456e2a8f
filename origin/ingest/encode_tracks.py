"""Encodes a whole plan in this process, one step after the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from origin.encode import video
from origin.encode.audio import encode_audio
from origin.encode.plan import EncodePlan
from origin.encode.source import DROP_SENTENCES, counted
from origin.ingest.subprocesses import Programs


def encode_tracks(
    film: Path, plan: EncodePlan, programs: Programs, folder: Path, on_progress: Callable[[float], object]
) -> None:
    """Encode what is not there yet: every chunk of every group, joined to a file a rung, and every audio track.

    Calls `on_progress` with seconds of film, of `plan.duration` for each group of rungs and each audio track.
    """
    done = 0.0

    def advance(seconds: float) -> None:
        on_progress(done + seconds)

    for rungs in plan.groups():
        for chunk in plan.chunks:
            if not all((rung.file(folder).exists() or rung.chunk_file(folder, chunk).exists()) for rung in rungs):
                video.encode_chunk(programs, plan, rungs, chunk, film, folder, advance)
            done += plan.rate.seconds(chunk.frames)
        for rung in rungs:
            files = [rung.chunk_file(folder, chunk) for chunk in plan.chunks]
            if not rung.file(folder).exists():
                video.join_rung(programs, plan, rung, files, folder)
            for file in files:
                file.unlink(missing_ok=True)
    for track in plan.audio:
        if not track.file(folder).exists():
            encode_audio(programs, plan, track, film, folder, advance)
        done += plan.duration


def describe_plan(plan: EncodePlan) -> str:
    """The source, and what of it is left out."""
    left = [f"; left out: {one.what}: {DROP_SENTENCES[one.reason]}" for one in plan.dropped]
    return plan.source.describe() + "".join(left)


def describe_sound(plan: EncodePlan) -> str:
    """`2 audio tracks`."""
    return counted(len(plan.audio), "audio track") if plan.audio else "no audio"
