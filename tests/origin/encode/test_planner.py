"""What a source becomes: rungs, chunks, tracks."""

import msgspec
import pytest

from origin.encode.planner import plan_encode, tile_size
from origin.encode.profile import PROFILES
from origin.encode.source import AudioStream, Colour, Disposition, DropReason, Rate, TextStream
from tests.origin.encode.plans import make_plan, make_source

HDR = Colour("bt2020", "smpte2084", "bt2020nc")


def plan_with(audio=(), text=(), profile="default"):
    source = msgspec.structs.replace(make_source(), audio=tuple(audio), text=tuple(text))
    return plan_encode(source, PROFILES[profile])


def stream(index, language="eng", channels=2, **flags):
    return AudioStream(index, "aac", language, "", channels, disposition=Disposition(**flags))


@pytest.mark.parametrize(("seconds", "count"), [(1.0, 1), (8.0, 1), (16.0, 2), (60.0, 8), (480.0, 8), (7200.0, 120)])
def test_chunks_are_even_runs_of_whole_segments(seconds, count):
    """They follow one another, and their lengths differ by a segment at most."""
    plan = make_plan(seconds)
    assert len(plan.chunks) == count
    assert sum(chunk.frames for chunk in plan.chunks) == plan.frames
    assert all(chunk.start_frame % plan.gop == 0 for chunk in plan.chunks)
    lengths = [chunk.frames for chunk in plan.chunks[:-1]]
    assert not lengths or max(lengths) - min(lengths) <= plan.gop


def test_a_source_that_cannot_be_sought_is_one_chunk():
    """Its times cannot be trusted to find a frame."""
    assert len(make_plan(60.0, seekable=False).chunks) == 1


def test_the_default_track_comes_first_and_alone_is_default():
    """A commentary that stands first in the file is not what a viewer hears."""
    plan = plan_with([stream(1, commentary=True), stream(2, "deu"), stream(3, default=True)])
    assert [(one.index, one.disposition.default) for one in plan.audio] == [(3, True), (1, False), (2, False)]
    assert plan.audio[1].disposition.commentary
    assert [one.name for one in plan.audio] == ["a_eng", "a_eng2", "a_deu"]
    assert plan_with([stream(1, commentary=True), stream(2)]).audio[0].index == 2
    assert plan_with([stream(1, commentary=True, default=True), stream(2)]).audio[0].index == 2


def test_surround_is_kept_beside_stereo():
    """5.1 and 7.1 give both; mono stays mono."""
    plan = plan_with([stream(1, channels=8), stream(2, "deu", channels=1)])
    assert [(one.name, one.channels) for one in plan.audio] == [("a_eng", 2), ("a_eng_51", 6), ("a_deu", 1)]


def test_of_many_tracks_the_default_is_kept_and_the_dropped_are_named():
    """The default one was lost without a word when it was the ninth."""
    plan = plan_with([stream(1 + index, default=index == 39) for index in range(40)])
    assert plan.audio[0].index == 40
    assert len(plan.audio) == 32
    assert {one.reason for one in plan.dropped} == {DropReason.TOO_MANY}
    assert len(plan.dropped) == 8


def test_subtitles_keep_what_they_are_for():
    """Forced ones and those for the hard of hearing stay so."""
    forced = Disposition(forced=True)
    plan = plan_with(text=[TextStream(4, "ass", "eng", "", forced), TextStream(5, "subrip", "eng", "SDH")])
    assert [(one.name, one.disposition.forced) for one in plan.text] == [("s_eng", True), ("s_eng2", False)]


def test_hdr_gives_hdr_rungs_besides_sdr_only_by_profile():
    """Every player gets SDR; HEVC in 10 bits is for those that can."""
    assert {one.dynamic for one in make_plan(colour=HDR).rungs} == {"sdr"}
    plan = make_plan(colour=HDR, profile="hdr")
    assert [(one.name, one.codec, one.dynamic, one.bit_depth) for one in plan.rungs] == [
        ("v240", "h264", "sdr", 8),
        ("v360", "h264", "sdr", 8),
        ("v240hdr", "hevc", "hdr10", 10),
        ("v360hdr", "hevc", "hdr10", 10),
    ]
    assert [len(group) for group in plan.groups()] == [2, 2]
    assert {one.dynamic for one in make_plan(profile="hdr").rungs} == {"sdr"}


def test_another_profile_is_another_recipe():
    """So the same film is encoded anew."""
    recipes = {plan_encode(make_source(), profile).recipe for profile in PROFILES.values()}
    assert len(recipes) == len(PROFILES)


def test_thumbnails_are_bounded():
    """A tile each segment, of a long film each second or third one."""
    images = make_plan(7200.0, rate=Rate(24)).thumbnails
    assert (images.count, images.interval) == (360, 20.0)
    assert make_plan(10.0).thumbnails.count == 3


def test_tiles_are_small_and_even():
    """160 on the longer side, never larger than the picture."""
    assert [tile_size(*size) for size in ((426, 240), (240, 426), (64, 48))] == [(160, 90), (90, 160), (64, 48)]
