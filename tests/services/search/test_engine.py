"""Search in stages: what viewers type finds what they mean, exact before resembling, within filters."""

import random

import pytest

from services.search.index import stages
from services.search.query.filters import Filters, filter_clauses
from services.search.query.parse import fold_synonyms
from services.search.query.request import Boosts, Sort, Stage
from tests.services.search.conftest import entry

FILMS = [
    entry("dune21", "Dune", year=2021, genres=("Science Fiction",), popularity=900.0),
    entry("dune84", "Dune", year=1984, genres=("Science Fiction",), popularity=90.0),
    entry("zodiac", "Zodiac", year=2007, popularity=80.0),
    entry("mad79", "Mad Max", year=1979, popularity=70.0),
    entry("mad85", "Mad Max Beyond Thunderdome", year=1985, popularity=75.0),
    entry("rocky1", "Rocky", year=1976, popularity=200.0),
    entry("rocky2", "Rocky II", year=1979, popularity=60.0),
    entry("rocky5", "Rocky V", year=1990, popularity=65.0),
    entry("mash", "M*A*S*H", year=1970, popularity=20.0),
    entry("dollar", "$", year=1971, popularity=5.0),
    entry("qa", "Q & A", year=1990, popularity=4.0),
    entry("qa2", "Q and A: The Making", year=1995, popularity=50.0),
    entry("angels", "Angels & Demons", year=2009, cast=("Tom Hanks",), popularity=55.0),
    entry("forrest", "Forrest Gump", year=1994, cast=("Tom Hanks", "Robin Wright"), popularity=150.0),
    entry("big", "Big", year=1988, genres=("Comedy",), cast=("Tom Hanks",), popularity=45.0),
    entry("clueless", "Clueless", year=1995, genres=("Comedy",), popularity=40.0),
    entry("spirited", "Spirited Away", names=("千と千尋の神隠し",), year=2001, popularity=100.0),
    entry("samurai", "Seven Samurai", names=("七人の侍",), year=1954, popularity=85.0),
    entry("sholay", "शोले", names=("Sholay",), year=1975, popularity=30.0),
    entry("shala", "शाला", year=2011, popularity=31.0),
    entry("spider", "Spider-Man", year=2002, popularity=160.0),
    entry("amelie", "Amélie", names=("Le Fabuleux Destin d'Amélie Poulain",), year=2001, popularity=66.0),
    entry("1917", "1917", year=2019, popularity=77.0),
    entry("silent", "Silent Running", year=1972, popularity=3.0),
    entry("running", "Running", genres=("Silent",), popularity=99.0),
    entry("sphere", "Sphere", year=1998, popularity=2.0),
    entry("sheree", "Other Film", cast=("Sheree North",), popularity=500.0),
    entry("gladiator", "Gladiator", year=2000, text="A general becomes a slave.", popularity=170.0),
]

FIRST = [
    ("silent running", "silent"),
    ("shere", "sphere"),
    ("dune", "dune21"),
    ("dune 1984", "dune84"),
    ("dune 2021", "dune21"),
    ("zodiac 2007", "zodiac"),
    ("mad max (1979)", "mad79"),
    ("mad max", "mad79"),
    ("rocky 2", "rocky2"),
    ("rocky two", "rocky2"),
    ("rocky ii", "rocky2"),
    ("mash", "mash"),
    ("m*a*s*h", "mash"),
    ("$", "dollar"),
    ("q and a", "qa"),
    ("q & a", "qa"),
    ("angels and demons", "angels"),
    ("with tom hanks", "forrest"),
    ("tom hanks", "forrest"),
    ("tom hanks big", "big"),
    ("comedy 1990s", "clueless"),
    ("90s comedies", "clueless"),
    ("神隠し", "spirited"),
    ("侍", "samurai"),
    ("शोले", "sholay"),
    ("शाला", "shala"),
    ("spiderman", "spider"),
    ("spider man", "spider"),
    ("amelie", "amelie"),
    ("fabuleux destin", "amelie"),
    ("1917", "1917"),
    ("gladaitor", "gladiator"),
    ("gladi", "gladiator"),
    ("gladu", "gladiator"),
    ("froest gump", "forrest"),
    ("forrest gmup", "forrest"),
    ("thunderdom", "mad85"),
    ("slave general", "gladiator"),
]


@pytest.mark.parametrize(("text", "expected"), FIRST)
def test_what_viewers_type_finds_what_they_mean(searched, text, expected):
    searched.fill(*FILMS)
    assert searched.find(text)[:1] == [expected]


def test_an_exact_name_never_ranks_below_a_misspelt_one(searched):
    searched.fill(
        *(entry(f"x{n}", "Heart", popularity=1e6) for n in range(30)),
        entry("exact", "Heat of the Night", popularity=0.0),
    )
    hits = searched.run("heat").hits
    assert hits[0].row.content_id == "exact"
    assert all(hit.stage is Stage.TYPO for hit in hits[1:])


def test_without_typos_beginnings_are_still_found(searched):
    searched.fill(*FILMS)
    assert searched.find("gladi", typos=False) == ["gladiator"]
    assert searched.find("gladaitor", typos=False) == []


def test_titles_licensed_elsewhere_are_not_found_in_any_stage(searched):
    searched.fill(entry("fr", "Gladiator", countries=("FR",)), entry("no", "Gladiator II", countries=()))
    for text in ("gladiator", "gladaitor", "glad", "gladiator 2", ""):
        assert searched.find(text) == []
        assert searched.find(text, Filters(None)) == []
    assert searched.find("gladaitor", Filters("FR")) == ["fr"]


def test_adding_a_filter_never_adds_a_result(searched):
    """The search for typing errors once began when a filter thinned the exact matches."""
    rng = random.Random(5)
    names = ["Dark", "Star", "Love", "Night", "Heart", "Hart", "Stare", "Knight", "Dove", "Lark"]
    searched.fill(
        *(
            entry(f"t{n}", " ".join(rng.sample(names, rng.randint(1, 3))), genres=(rng.choice(["A", "B", "C"]),),
                  year=1990 + n % 9, popularity=rng.random() * 100)
            for n in range(300)
        )
    )  # fmt: skip
    for text in ("heart", "dark star", "nigt", "lov", "hart knight", "stars", "dakr"):
        everything = set(searched.find(text, limit=1000))
        for filters in (Filters("DE", ("a",)), Filters("DE", year_from=1995), Filters("DE", ("b",), year_to=1992)):
            assert set(searched.find(text, filters, limit=1000)) <= everything


@pytest.mark.parametrize("text", ["night", "the night", "nigth", ""])
def test_pages_together_are_all_results_each_once(searched, text):
    searched.fill(*(entry(f"n{n}", f"The Night {n % 50}", popularity=float(n % 97)) for n in range(330)))
    seen = []
    for offset in range(0, 400, 20):
        seen += searched.find(text, offset=offset, limit=20)
    total = stages.count_titles(searched.index.snapshot, searched.run(text).everything(), filter_clauses(Filters("DE")))
    assert len(seen) == len(set(seen)) == total


def test_a_misspelt_title_goes_first_though_its_own_description_has_the_words(searched):
    searched.fill(
        *(entry(f"o{n}", f"Another Film {n}", text="An uncle, and Tom's cabin.", popularity=9e5) for n in range(12)),
        entry("uncle", "Uncle Tom's Cabin", text="Uncle Tom in a cabin."),
    )
    assert searched.find("uncl toms cabin")[:1] == ["uncle"]


def test_a_short_misspelt_title_is_found_among_many_that_begin_alike(searched):
    searched.fill(
        *(entry(f"t{n}", f"Treasure {chr(97 + n % 26)}{n}", popularity=1000.0 + n) for n in range(300)),
        entry("teresa", "Teresa"),
    )
    assert searched.find("tresa")[:1] == ["teresa"]


def test_popularity_in_any_unit_orders_beginnings(searched):
    searched.fill(*(entry(f"s{n}", f"Star {n:03d}", popularity=n / 1e6) for n in range(100, 150)))
    assert searched.find("star 1", limit=2) == ["s149", "s148"]


def test_a_filter_adds_no_typing_errors_to_a_query_with_hints(searched):
    searched.fill(
        *(entry(f"c{n}", f"Laugh {n}", genres=("Comedy",), year=1990 + n % 9) for n in range(30)),
        *(entry(f"m{n}", f"Comedz {n}", year=2010) for n in range(5)),
        entry("d", "Comedo", genres=("Drama",), year=1994),
    )
    for text in ("comedy 1990s", "comedy", "comedi 1990s", "laugh comedy"):
        everything = set(searched.find(text, limit=1000))
        for filters in (Filters("DE", year_from=1995), Filters("DE", ("drama",)), Filters("DE", maturity=12)):
            assert set(searched.find(text, filters, limit=1000)) <= everything


def test_clicks_lift_within_exact_matches_only(searched):
    searched.fill(entry("a", "Star One", popularity=9.0), entry("b", "Star Two", popularity=1.0), entry("c", "Stax"))
    assert searched.find("star")[:2] == ["a", "b"]
    assert searched.find("star", boosts=Boosts(clicks={"b": 1.0, "c": 1.0})) == ["b", "a", "c"]


def test_taste_lifts_less_than_a_better_match(searched):
    searched.fill(entry("a", "Star"), entry("b", "Born a Star"), entry("c", "Star Wars"), entry("d", "Star Trek"))
    taste = Boosts(taste={"b": 1.0, "d": 1.0})
    found = searched.find("star", boosts=taste)
    assert found[0] == "a"
    assert found.index("d") < found.index("c") < found.index("b")


def test_pins_go_first_where_they_are_licensed(searched):
    searched.fill(entry("a", "Star"), entry("b", "Other"), entry("c", "Third", countries=("FR",)))
    assert searched.find("star", boosts=Boosts(pins=("c", "b"))) == ["b", "a"]


def test_synonyms_find_the_other_name(searched):
    searched.fill(entry("hp", "Harry Potter"), entry("x", "Other"))
    assert searched.find("boy wizard", synonyms=fold_synonyms([("Harry Potter", "boy wizard")])) == ["hp"]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [(Sort.POPULARITY, ["b", "c", "a"]), (Sort.YEAR, ["c", "a", "b"]), (Sort.TITLE, ["c", "b", "a"])],
)
def test_results_in_another_order(searched, sort, expected):
    searched.fill(
        entry("a", "Star Z", year=2000, popularity=1.0),
        entry("b", "Star M", year=1990, popularity=3.0),
        entry("c", "Star A", year=2010, popularity=2.0),
        entry("d", "Else", popularity=9.0),
    )
    assert searched.find("star", sort=sort) == expected


def test_a_search_cut_off_returns_what_it_has_and_says_so(searched):
    searched.fill(*FILMS)
    budget = iter([False] * 50)
    results = searched.run("dune", has_time=lambda: next(budget))
    assert results.partial
    assert [hit.row.content_id for hit in results.hits][:1] == ["dune21"]


def test_a_misspelt_title_is_suggested(searched):
    searched.fill(*FILMS)
    assert searched.run("gladaitor").suggestion == "Gladiator"
    assert searched.run("gladiator").suggestion is None


def test_a_misspelt_word_is_suggested_where_the_query_is_no_title(searched):
    searched.fill(*FILMS)
    assert searched.run("tom hnaks forrest").suggestion == "tom hanks forrest"
    assert searched.run("robin wrigt").suggestion == "robin wright"


@pytest.mark.parametrize(
    "text",
    ['"a:b(', "AND OR NOT", "*", "a" * 250, "\\", "title:x", "x~2", "½ ﬁ", "🎬 film", "ا", "\u202eabc", "a " * 100],
)
def test_operators_and_odd_letters_are_words_like_others(searched, text):
    searched.fill("Alien", "AND OR NOT")
    searched.run(text)
