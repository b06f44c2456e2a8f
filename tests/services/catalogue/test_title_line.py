"""Lines of an import file become titles, or a fault that names the field."""

import json

import pytest

from kernel.vocabulary import is_content_id
from services.catalogue.title import is_licensed
from services.catalogue.title_line import LineError, export_line, parse_line, stable_content_id


def line(**fields):
    return json.dumps(fields).encode()


def test_a_full_line_is_read_as_written():
    found = parse_line(
        line(contentId="f-1", title=" Alien ", year=1979, genres=["Horror", "Horror"], cast=["Sigourney Weaver"],
             description="In space.", countries=["de", "FR"], rating=8.5, popularity=12)
    )  # fmt: skip
    assert found.licence_given
    assert found.title.title == "Alien"
    assert found.title.genres == ("Horror",)
    assert found.title.countries == ("DE", "FR")
    assert found.title.popularity == 12.0


def test_countries_absent_null_and_empty_are_three_things():
    absent, null, nowhere = (
        parse_line(line(title="x", **more)) for more in ({}, {"countries": None}, {"countries": []})
    )
    assert (absent.licence_given, absent.title.countries) == (False, None)
    assert (null.licence_given, null.title.countries) == (True, None)
    assert (nowhere.licence_given, nowhere.title.countries) == (True, ())


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (b'{"year": 1}', "year"),
        (b'{"genres": []}', "title"),
        (b'{"title": ""}', "title"),
        (b'{"title": "  "}', "title"),
        (b'{"title": "a\\u0000b"}', "title"),
        (b'{"title": 5}', "title"),
        (b'{"title": "x", "year": "1999"}', "year"),
        (b'{"title": "x", "year": 12}', "year"),
        (b'{"title": "x", "cast": ["a", 3]}', "cast[1]"),
        (b'{"title": "x", "countries": ["DEU"]}', "countries[0]"),
        (b'{"title": "x", "countries": "DE"}', "countries"),
        (b'{"title": "x", "popularity": -1}', "popularity"),
        (b'{"title": "x", "contentId": "../etc"}', "contentId"),
        (b'{"title": "x", "contentId": "a\\n"}', "contentId"),
        (b"[]", ""),
        (b"{", ""),
        (b'{"title": "\xff"}', ""),
    ],
)
def test_a_bad_line_names_its_field(text, field):
    found = parse_line(text)
    assert isinstance(found, LineError)
    assert found.field == field
    assert found.why


def test_unknown_fields_are_passed_over_and_extract_is_a_description():
    assert parse_line(line(title="x", href="y", extract="About x.")).title.description == "About x."


@pytest.mark.parametrize("name", ["The Matrix", "Amélie", "七人の侍", "!!!", "a" * 400])
def test_a_made_content_id_is_one_and_stays_the_same(name):
    made = stable_content_id(name, 1999)
    assert is_content_id(made)
    assert made == stable_content_id(name, 1999)
    assert made != stable_content_id(name, 2000)


def test_a_licence_covers_its_countries_and_never_an_unknown_one():
    assert is_licensed(None, None)
    assert is_licensed(("DE",), "DE")
    assert not is_licensed(("DE",), "FR")
    assert not is_licensed(("DE",), None)
    assert not is_licensed((), "DE")


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ({"title": "A", "kind": "episode"}, "parent"),
        ({"title": "A", "kind": "trailer"}, "kind"),
        ({"title": "A", "countries": ["DE"], "windows": []}, "windows"),
        ({"title": "A", "windows": [{"starts": "2030-01-01T00:00:00"}]}, "windows"),
        ({"title": "A", "windows": [{"starts": 2e9, "ends": 1e9}]}, "windows"),
        ({"title": "A", "windows": [{"starts": 1e13}]}, "windows"),
        ({"title": "A", "maturity": 99}, "maturity"),
        ({"title": "A", "tier": "8k"}, "tier"),
        ({"title": "A", "artwork": [{"kind": "poster", "url": "javascript:alert(1)"}]}, "artwork"),
    ],
)
def test_what_a_title_cannot_be_is_named(line, field):
    error = parse_line(json.dumps(line).encode())
    assert isinstance(error, LineError)
    assert error.field.startswith(field)


def test_a_title_in_nfc_and_nfd_is_one_title_although_it_made_two():
    composed, decomposed = (parse_line(line(title=t)) for t in ("Am\u00e9lie", "Ame\u0301lie"))
    assert composed.title == decomposed.title


def test_titles_keep_joiners_soft_hyphens_and_marks_of_direction():
    for title in ("\u0645\u06cc\u200c\u062e", "soft\u00adhyphen", "\u200fabc"):
        assert parse_line(line(title=title)).title.title == title


def test_original_titles_and_aliases_survive_an_export():
    fields = {"title": "Spirited Away", "originalTitle": "\u5343\u3068\u5343\u5c0b", "aliases": ["Chihiro", "Chihiro"]}
    title = parse_line(line(**fields)).title
    assert title.aliases == ("Chihiro",)
    assert parse_line(line(**export_line(title))).title == title
