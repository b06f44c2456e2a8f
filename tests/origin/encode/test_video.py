"""The calls that encode chunks."""

from pathlib import Path

from origin.encode.video import chunk_arguments
from tests.origin.encode.plans import make_plan


def arguments_of(plan, index, threads=0):
    files = [Path(f"/w/{rung.name}.mp4") for rung in plan.rungs]
    return chunk_arguments(plan, plan.rungs, plan.chunks[index], Path("-film.mp4"), files, threads)


def after(arguments, name):
    return arguments[arguments.index(name) + 1]


def test_a_chunk_is_sought_guarded_and_counted():
    """One input, read as a file; times of the film; the chunk's frames and no more; an output a rung."""
    plan = make_plan(40.0)
    arguments = arguments_of(plan, 2)
    assert arguments.count("-i") == 1
    assert after(arguments, "-i").startswith("file:/")
    assert arguments.index("-format_whitelist") < arguments.index("-i")
    assert after(arguments, "-protocol_whitelist") == "file"
    assert "-nostdin" in arguments
    assert after(arguments, "-ss") == "16.000000"
    assert arguments.index("-noaccurate_seek") < arguments.index("-i")
    filters = after(arguments, "-filter_complex")
    assert "fps=25/1:start_time=16.000000" in filters
    assert "scale=426:240" in filters
    assert filters.count("setsar=1") == 2
    assert arguments.count(str(plan.chunks[2].frames)) >= 2
    assert [one for one in arguments if one.startswith("file:/w/")] == ["file:/w/v240.mp4", "file:/w/v360.mp4"]


def test_what_cannot_be_sought_is_read_from_its_start():
    """Its times are corrected by ffmpeg, which copyts would prevent."""
    arguments = arguments_of(make_plan(seekable=False), 0)
    assert "-ss" not in arguments
    assert "-copyts" not in arguments


def test_the_last_chunk_has_no_keyframe_in_its_last_half_second():
    """Its last segment is the longer one."""
    plan = make_plan(12.04)
    assert "expr:not(mod(n,100))*lte(n,100)" in arguments_of(plan, len(plan.chunks) - 1)


def test_threads_are_limited_everywhere():
    """Decoder, filters and every encoder."""
    arguments = arguments_of(make_plan(), 0, threads=1)
    assert arguments.count("-threads") == 3
    assert after(arguments, "-filter_complex_threads") == "1"
