"""What of a title is shown to viewers, and what to operators only."""

from services.catalogue.licence import Window
from services.catalogue.title import Playable, Title, Track
from services.catalogue.title_json import title_json


def test_only_operators_see_where_and_when_a_title_is_licensed():
    title = Title("a", "A", countries=("DE",), windows=(Window(("DE",), 1_900_000_000.0),))
    assert not {"countries", "windows"} & title_json(title, operator=False).keys()
    shown = title_json(title, operator=True)
    assert shown["countries"] == ("DE",)
    assert shown["windows"] == [{"countries": ("DE",), "starts": "2030-03-17T17:46:40Z"}]


def test_the_languages_are_those_that_can_be_played():
    tracks = (Track("audio", "en"), Track("audio", "de"), Track("audio", "en", "commentary"), Track("subtitles", "fr"))
    title = Title("a", "A", languages=("ja",))
    assert title_json(title, operator=False)["languages"] == ("ja",)
    published = Title("a", "A", languages=("ja",), playable=Playable(tracks=tracks))
    shown = title_json(published, operator=False)
    assert (shown["languages"], shown["subtitles"]) == (["en", "de"], ["fr"])
