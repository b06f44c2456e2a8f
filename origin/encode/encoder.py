"""The tracks of a plan as the packager takes them: one list of rungs and sound."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from origin.encode.plan import AudioTrack, EncodePlan, VideoRung


@dataclass(frozen=True, slots=True)
class Track:
    """One encoded file: a video rung or an audio track; `name` is its folder in the first publication."""

    name: str
    rung: VideoRung | None = None
    audio: AudioTrack | None = None

    def file(self, folder: Path) -> Path:
        """The path of its encoded file."""
        return folder / f"{self.name}.mp4"


def plan_tracks(plan: EncodePlan) -> tuple[Track, ...]:
    """The video renditions, then the audio tracks."""
    video = tuple(Track(rung.name, rung=rung) for rung in plan.rungs)
    return video + tuple(Track(track.name, audio=track) for track in plan.audio)
