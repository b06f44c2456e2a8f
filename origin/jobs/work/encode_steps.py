"""The steps that any host can run: they read the film and the plan, and make files named by the plan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from origin.encode.audio import encode_audio
from origin.encode.plan import AudioTrack, EncodePlan, TextTrack, VideoRung
from origin.encode.text import extract_text
from origin.encode.video import encode_chunk
from origin.ingest.subprocesses import Programs
from origin.jobs.job_graph import Step, StepKind
from origin.jobs.work.step_outcome import Report

SIDECARS = "sidecars"
"""The folder of subtitle files, next to that of what is encoded."""


@dataclass(frozen=True, slots=True)
class EncodeTools:
    """`threads` of each encoder, 0 = as many as there are CPUs."""

    programs: Programs
    threads: int = 0


def files_of(plan: EncodePlan, step: Step) -> tuple[str, ...]:
    """The names of the files that a step makes."""
    folder = Path()
    match step.kind:
        case StepKind.VIDEO:
            return tuple(str(rung.chunk_file(folder, plan.chunks[step.chunk])) for rung in group_of(plan, step.track))
        case StepKind.AUDIO:
            return (str(audio_of(plan, step.track).file(folder)),)
        case StepKind.TEXT | StepKind.SIDECAR:
            return (str(text_of(plan, step.track).file(folder)),)
        case _:
            return ()


def run_encode_step(
    tools: EncodeTools, plan: EncodePlan, step: Step, film: Path, folder: Path, report: Report
) -> tuple[Path, ...]:
    """Make the files of a step in `folder`, unless an earlier attempt has; returns them."""
    files = tuple(folder / name for name in files_of(plan, step))
    if all(file.is_file() for file in files) or _are_joined(plan, step, folder):
        return files
    match step.kind:
        case StepKind.VIDEO:
            chunk = plan.chunks[step.chunk]
            seconds = plan.rate.seconds(chunk.frames) or 1.0
            rungs = group_of(plan, step.track)
            encode_chunk(
                tools.programs, plan, rungs, chunk, film, folder, lambda done: report(done / seconds), tools.threads
            )
        case StepKind.AUDIO:
            track, whole = audio_of(plan, step.track), plan.duration or 1.0
            encode_audio(tools.programs, plan, track, film, folder, lambda done: report(done / whole), tools.threads)
        case StepKind.TEXT:
            extract_text(tools.programs, plan, text_of(plan, step.track), film, folder)
        case StepKind.SIDECAR:
            subtitle = text_of(plan, step.track)
            extract_text(tools.programs, plan, subtitle, folder.with_name(SIDECARS) / subtitle.sidecar, folder)
        case _:
            raise ValueError(f"{step.kind} is not encoding")
    return files


def _are_joined(plan: EncodePlan, step: Step, folder: Path) -> bool:
    """Whether the chunk is part of files that are joined already: a killed ingest goes on."""
    return step.kind is StepKind.VIDEO and all(rung.file(folder).is_file() for rung in group_of(plan, step.track))


def group_of(plan: EncodePlan, name: str) -> tuple[VideoRung, ...]:
    """The rungs of a group."""
    return tuple(rung for rung in plan.rungs if rung.group == name)


def audio_of(plan: EncodePlan, name: str) -> AudioTrack:
    """An audio track by name; KeyError."""
    return {track.name: track for track in plan.audio}[name]


def text_of(plan: EncodePlan, name: str) -> TextTrack:
    """A text track by name; KeyError."""
    return {track.name: track for track in plan.text}[name]
