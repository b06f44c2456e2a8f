"""What verification finds at fault. The words are in the command's output and in a job's reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Check(StrEnum):
    """What is checked of a title."""

    RECORD = "record"
    OBJECTS = "objects"
    HLS = "hls"
    DASH = "dash"
    TIMELINE = "timeline"
    GOP = "gop"
    ENCRYPTION = "encryption"
    TRANSPORT_STREAM = "transport-stream"


CHECK_SENTENCES = {
    Check.RECORD: "The title's record names files that its publication has.",
    Check.OBJECTS: "Every object is there, with its size and its SHA-256.",
    Check.HLS: "Playlists keep the rules of RFC 8216, name what is there, and promise the bit rates that they have.",
    Check.DASH: "Manifests keep the schema of ISO 23009-1, and list what playlists list.",
    Check.TIMELINE: "Segments follow one another without gap or overlap; picture and sound end together.",
    Check.GOP: "Every segment of the picture begins with a keyframe, at the same times in every rendition.",
    Check.ENCRYPTION: "What is said to be encrypted is, under the key of its label; what is not, is clear.",
    Check.TRANSPORT_STREAM: "Segments of MPEG-TS are whole packets and begin with the programme's tables.",
}
"""What each check means."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault: where and what."""

    check: Check
    path: str
    detail: str

    def __str__(self) -> str:
        return f"{self.check}: {self.path}: {self.detail}"
