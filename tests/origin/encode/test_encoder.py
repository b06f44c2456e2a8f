"""The one ffmpeg call."""

from fractions import Fraction
from pathlib import Path

from kernel.media.ladder import ladder
from origin.encode.encoder import ffmpeg_arguments, plan_tracks
from origin.ingest.probe import AudioTrack, Source


def source(sound=1, duration=10.0):
    audio = tuple(AudioTrack(1 + index, "eng", "", 2) for index in range(sound))
    return Source(0, 640, 360, Fraction(24000, 1001), duration, None, audio)


def made(film):
    return plan_tracks(film, ladder(film.width, film.height, film.rate))


def test_tracks_are_named_by_lines_and_language():
    """A language that comes again is counted."""
    assert [one.name for one in made(source(2))] == ["v240", "v360", "a_eng", "a_eng2"]


def test_the_command():
    """One input, guarded; keyframes forced by time and bounded by frames; an output a track."""
    film = source()
    arguments = ffmpeg_arguments(Path("-film.mp4"), film, made(film), "ultrafast", Path("/w"))
    assert arguments.count("-i") == 1
    assert arguments[arguments.index("-i") + 1].startswith("file:/")
    assert arguments.index("-format_whitelist") < arguments.index("-i")
    assert arguments[arguments.index("-protocol_whitelist") + 1] == "file"
    assert "-nostdin" in arguments
    assert arguments.count("expr:gte(t,n_forced*4)") == 2
    assert arguments[arguments.index("-g") + 1] == "96"
    assert [one for one in arguments if one.startswith("file:/w/")] == [
        "file:/w/v240.mp4",
        "file:/w/v360.mp4",
        "file:/w/a_eng.mp4",
    ]
    filters = arguments[arguments.index("-filter_complex") + 1]
    assert "fps=24000/1001:start_time=0,split=2" in filters
    assert "scale=426:240" in filters
    assert filters.count("setsar=1") == 2


def test_sound_lasts_as_long_as_the_picture():
    """Filled with silence where the length is known."""
    for duration, padded in ((10.0, True), (None, False)):
        film = source(duration=duration)
        arguments = ffmpeg_arguments(Path("x"), film, made(film), "ultrafast", Path("/w"))
        assert ("apad=whole_dur=10.000" in arguments[arguments.index("-af") + 1]) is padded
