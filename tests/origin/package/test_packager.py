"""The packager's arguments."""

from pathlib import Path

from origin.encode.encoder import Track
from origin.encode.plan import AudioTrack
from origin.package.packager import packager_arguments, rendition_folder


def test_folders_of_publications():
    """The first has no number."""
    assert [rendition_folder("v720", number) for number in (1, 2, 12)] == ["v720", "v720-2", "v720-12"]


def sound(name, language, title=""):
    return Track(name, audio=AudioTrack(name, 1, language, title, 2, 128_000))


def test_sound_is_named_for_the_menu():
    """By its title where that is its own; a language the packager refuses is not passed on."""
    made = (sound("a_eng", "eng", "Stereo"), sound("a_eng2", "eng", "Commentary"), sound("a_und", "und", "Stereo"))
    arguments = packager_arguments(made, Path("../encoded"), 2)
    assert "in=../encoded/a_eng.mp4" in arguments[0]
    assert "segment_template=a_eng-2/$Number%05d$.m4s" in arguments[0]
    assert [one.partition("hls_name=")[2].partition(",")[0] for one in arguments[:3]] == ["eng", "Commentary", "und"]
    assert "lang=" not in arguments[2]
    assert arguments[arguments.index("--default_language") + 1] == "eng"


def test_no_language_no_default():
    """A film without known languages names none."""
    assert "--default_language" not in packager_arguments((sound("a_und", "und"),), Path("e"), 1)
