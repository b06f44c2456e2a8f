"""Sources and plans for tests that need no file."""

import msgspec

from origin.encode.plan import EncodePlan
from origin.encode.planner import plan_encode
from origin.encode.profile import PROFILES
from origin.encode.source import AudioStream, Rate, Source, VideoStream

PAL = Rate(25)


def make_source(seconds=10.0, *, rate=PAL, size=(640, 360), audio=1, seekable=True, **video):
    """A source of that many seconds."""
    frames = round(seconds * rate.fraction)
    streams = tuple(AudioStream(1 + index, "aac", "eng", "", 2) for index in range(audio))
    picture = VideoStream(0, "h264", *size, *size, rate, frames, **video)
    return Source("mp4", seconds, picture, streams, seekable=seekable)


def make_plan(*arguments, profile="default", **more) -> EncodePlan:
    """The plan of such a source."""
    changed = {name: more.pop(name) for name in ("rungs", "preset", "loudness") if name in more}
    return plan_encode(
        make_source(*arguments, **more),
        msgspec.structs.replace(PROFILES[profile], **({"preset": "ultrafast"} | changed)),
    )
