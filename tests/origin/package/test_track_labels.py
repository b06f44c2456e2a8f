"""What menus and players are told of tracks."""

from origin.encode.plan import AudioTrack, TextTrack
from origin.encode.source import Disposition
from origin.package.languages import language_name, language_tag
from origin.package.track_labels import label_audio, label_text


def audio(name, index, language="eng", title="", channels=2, **use):
    return AudioTrack(name, index, language, title, channels, 128_000, disposition=Disposition(**use))


def text(name, index, language="eng", title="", **use):
    return TextTrack(name, index, language, title, Disposition(**use))


def test_sound_keeps_its_dispositions():
    """One default; a commentary is not chosen by itself, a description is for who asks for it."""
    labels = label_audio(
        (
            audio("a_fra", 2, "fra", default=True),
            audio("a_fra_51", 2, "fra", channels=6, default=True),
            audio("a_eng", 1, commentary=True),
            audio("a_eng2", 3, visual_impaired=True),
        )
    )
    assert labels["a_fra"] == labels["a_fra_51"]
    assert (labels["a_fra"].name, labels["a_fra"].language, labels["a_fra"].roles) == ("French", "fr", ("main",))
    assert [name for name, label in labels.items() if label.default] == ["a_fra", "a_fra_51"]
    assert [name for name, label in labels.items() if label.autoselect] == ["a_fra", "a_fra_51"]
    assert labels["a_eng"].roles == ("commentary",)
    assert labels["a_eng2"].characteristics == "public.accessibility.describes-video"
    assert labels["a_eng2"].accessibility == ("urn:tva:metadata:cs:AudioPurposeCS:2007", "1")


def test_subtitles_keep_theirs():
    labels = label_text(
        (
            text("s_eng", 1, forced=True),
            text("s_eng2", 2, hearing_impaired=True),
            text("s_deu", 3, "deu", default=True),
            text("s_spa", 4, "spa", default=True),
        )
    )
    assert (labels["s_eng"].forced, labels["s_eng"].roles) == (True, ("forced-subtitle",))
    assert labels["s_eng2"].roles == ("caption",)
    assert "transcribes-spoken-dialog" in labels["s_eng2"].characteristics
    assert [name for name, label in labels.items() if label.default] == ["s_deu"], "one of a group"


def test_names_are_unique_and_say_what_a_track_is():
    """Titles only where they tell tracks apart; quotes, which end an attribute, are left out."""
    labels = label_audio(
        (
            audio("a", 1, title='The "Film", restored'),
            audio("b", 2, title="Stereo"),
            audio("c", 3, title="Stereo"),
            audio("d", 4, "und"),
        )
    )
    assert [label.name for label in labels.values()] == [
        "The Film, restored",
        "English",
        "English 2",
        "Unknown language",
    ]
    assert label_text((text("s", 1, forced=True),))["s"].name == "English (forced)"


def test_languages():
    """The shortest tag; what is not listed stays as it is."""
    assert [language_tag(code) for code in ("eng", "ger", "deu", "de", "und", "qaa")] == [
        "en",
        "de",
        "de",
        "de",
        "",
        "qaa",
    ]
    assert language_name("fre") == "French"
    assert language_name("qaa") == "qaa"
