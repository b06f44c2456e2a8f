"""Calls of ffmpeg: progress, the reason of a failure, temporary names."""

from pathlib import Path

import pytest

from kernel.errors import BadRequest
from origin.encode.ffmpeg_call import clock_arguments, part_of, run_ffmpeg
from tests.origin.encode.plans import make_plan

FILM = Path("film.mp4")


def shell(script):
    return run_ffmpeg("sh", ["-c", script], FILM)


def test_progress_and_frames_are_read():
    """Seconds as they come; the last number of frames is the result."""
    seen = []
    script = "echo frame=1; echo out_time_us=40000; echo frame=25; echo out_time_us=N/A; echo progress=end"
    assert run_ffmpeg("sh", ["-c", script], FILM, seen.append) == 25
    assert seen == [0.04]


def test_a_failure_names_its_cause():
    """AV1 was refused with a number: the last line says only that something failed."""
    script = "echo '[av1 @ 0x5] Your platform lacks AV1 decoding.' >&2; echo 'Conversion failed!' >&2; exit 69"
    with pytest.raises(BadRequest, match=r"'film\.mp4' could not be encoded: Your platform lacks AV1"):
        shell(script)


def test_a_kill_is_not_the_films_fault():
    """It may be tried again."""
    with pytest.raises(BadRequest, match="signal 9") as caught:
        shell("kill -9 $$")
    assert caught.value.status == 500


def test_sound_and_picture_are_read_together_where_the_clock_may_jump():
    """Each by itself would be corrected differently."""
    plan = make_plan(seekable=False)
    assert clock_arguments(plan, 0) == ["-map", "0:1", "-c", "copy", "-f", "null", "-"]
    assert clock_arguments(plan, 1) == ["-map", "0:0", "-c", "copy", "-f", "null", "-"]
    assert clock_arguments(make_plan(), 0) == []


def test_a_part_is_beside_its_target():
    """Renaming it is atomic."""
    part = part_of(Path("/w/v240.mp4"))
    assert part.parent == Path("/w")
    assert part.name.startswith(".v240.mp4.")
