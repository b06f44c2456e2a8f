"""The origin's library is read entry by entry, and merged with what the catalogue knows."""

import json

import pytest

from services.catalogue.library import LibraryTitle, merge_published, parse_library, to_playable
from services.catalogue.title import Rendition, Title


def test_a_bad_entry_is_left_out_and_named():
    body = json.dumps({"titles": [{"contentId": "ok"}, {"contentId": "../x"}, {"title": "no id"}]}).encode()
    titles, faults = parse_library(body)
    assert [title.content_id for title in titles] == ["ok"]
    assert len(faults) == 2


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'{"titles": 3}', b"\xff"])
def test_what_is_no_library_is_an_error(body):
    with pytest.raises(ValueError, match="library"):
        parse_library(body)


def test_paths_that_leave_the_title_are_dropped():
    entry = LibraryTitle(
        "a", streams={"hls": "../b/master.m3u8", "dash": "manifest.mpd"}, thumbnail="/etc/passwd",
        tiers={"sd": {"hls": "master-sd.m3u8"}}, duration=-1.0,
    )  # fmt: skip
    made = to_playable(entry)
    assert made.streams == {"dash": "manifest.mpd", "hls-sd": "master-sd.m3u8"}
    assert made.thumbnail is None
    assert made.duration == 0.0


def test_a_new_title_is_taken_with_its_metadata():
    entry = LibraryTitle(
        "bbb", title="Big Buck Bunny", countries=["de"], renditions=[Rendition("v720", 720, 720, 2_000_000)],
        metadata={"year": 2008, "genres": ["Animation"], "attribution": "Blender Foundation", "licence": "CC BY 3.0"},
    )  # fmt: skip
    made = merge_published(None, None, entry)
    assert (made.title, made.year, made.genres, made.countries) == ("Big Buck Bunny", 2008, ("Animation",), ("DE",))
    assert made.attribution == "Blender Foundation (CC BY 3.0)"
    assert made.playable.renditions[0].bandwidth == 2_000_000


def test_an_import_before_the_film_keeps_its_words_and_its_licence():
    known = Title("a", "Imported", description="Its own.", countries=("FR",))
    made = merge_published(
        known, None, LibraryTitle("a", title="File name", metadata={"description": "Other.", "year": 1999})
    )
    assert (made.title, made.description, made.year, made.countries) == ("Imported", "Its own.", 1999, ("FR",))
    assert made.playable is not None


def test_what_the_origin_says_again_does_not_undo_an_operators_licence():
    entry = LibraryTitle("a", title="A", countries=None)
    known = Title("a", "A", countries=("DE",))
    assert merge_published(known, entry, entry).countries == ("DE",)
    anew = LibraryTitle("a", title="A", countries=["FR"], version=2)
    assert merge_published(known, entry, anew).countries == ("FR",)
