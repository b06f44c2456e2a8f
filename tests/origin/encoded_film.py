"""A short film, encoded by its plan: two rungs, two languages, one of them with 5.1, subtitles, thumbnails.

Each second begins with a white picture and a beep, so that sound and picture can be compared. It ends 0.24 s after a
multiple of the segment's length.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import msgspec

from origin.encode.audio import encode_audio
from origin.encode.plan import EncodePlan
from origin.encode.planner import plan_encode
from origin.encode.profile import merge_profiles
from origin.encode.source import AudioStream, Disposition, Rate, Source, TextStream, VideoStream
from origin.encode.text import extract_text
from origin.encode.video import encode_chunk, join_rung

SECONDS = 8.24
RATE = 25
FRAMES = round(SECONDS * RATE)
FLASH = 0.12
"""Seconds of each second that are white and loud."""
SUBTITLES = "1\n00:00:01,000 --> 00:00:02,500\nFirst\n\n2\n00:00:03,500 --> 00:00:05,000\nAcross segments\n"


@dataclass(frozen=True)
class EncodedFilm:
    """The plan, and the folder of its encoded tracks."""

    plan: EncodePlan
    folder: Path


def make_plan(profiles=("ts",)):
    """The plan of the film."""
    source = Source(
        "matroska",
        SECONDS,
        VideoStream(0, "h264", 640, 360, 640, 360, Rate(RATE), FRAMES),
        (
            AudioStream(1, "aac", "eng", "", 2),
            AudioStream(2, "aac", "fra", "Le film, commenté", 6, disposition=Disposition(commentary=True)),
        ),
        (TextStream(3, "subrip", "eng", "", Disposition(hearing_impaired=True)),),
    )
    return plan_encode(source, msgspec.structs.replace(merge_profiles(profiles), preset="ultrafast", rungs=2))


def encode_film(tools, folder):
    """Make and encode the film; about two seconds of work."""
    source = folder / "film.mkv"
    (folder / "film.srt").write_text(SUBTITLES)
    bright = f"lt(mod(t,1),{FLASH})"
    picture = f"color=black:size=640x360:rate={RATE},drawbox=color=white:t=fill:enable='{bright}'"
    beep = f"aevalsrc='if({bright},0.8*sin(2*PI*1000*t),0)':s=48000:d={SECONDS}"
    command = [tools.ffmpeg, "-v", "error", "-nostdin"]
    for given in (picture, beep, beep):
        command += ["-f", "lavfi", "-i", given]
    command += ["-i", str(folder / "film.srt"), "-map", "0", "-map", "1", "-map", "2", "-map", "3"]
    command += ["-t", str(SECONDS), "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-ac:a:1", "6"]
    subprocess.run([*command, "-c:a", "aac", "-c:s", "srt", str(source)], check=True, timeout=60)
    plan = make_plan()
    for group in plan.groups():
        for chunk in plan.chunks:
            encode_chunk(tools, plan, group, chunk, source, folder, lambda _: None)
        for rung in group:
            join_rung(tools, plan, rung, [rung.chunk_file(folder, chunk) for chunk in plan.chunks], folder)
    for track in plan.audio:
        encode_audio(tools, plan, track, source, folder, lambda _: None)
    for subtitle in plan.text:
        extract_text(tools, plan, subtitle, source, folder)
    make_sheet(tools, plan, folder)
    return EncodedFilm(plan, folder)


def make_sheet(tools, plan, folder):
    """The poster, a sheet and its index."""
    images, thumbs = plan.thumbnails, folder / "thumbs"
    thumbs.mkdir()
    filters = f"scale={images.width}:{images.height},tile={images.columns}x{images.rows},format=yuvj420p"
    command = [
        tools.ffmpeg,
        "-v",
        "error",
        "-nostdin",
        "-skip_frame",
        "nokey",
        "-i",
        str(folder / f"{images.rung}.mp4"),
    ]
    subprocess.run(
        [*command, "-vf", filters, "-fps_mode", "vfr", str(thumbs / "sprite-%d.jpg")], check=True, timeout=60
    )
    (thumbs / "poster.jpg").write_bytes((thumbs / "sprite-1.jpg").read_bytes())
    (thumbs / "thumbnails.vtt").write_text("WEBVTT\n")
