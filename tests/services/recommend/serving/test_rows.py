"""Rows are composed without repeats."""

from services.recommend.serving.rows import Reason, RowSource, compose_rows, favourites
from services.recommend.serving.title_table import TitleTable
from services.recommend.titles import RecommendTitle


def source(name, positions, least=1):
    return RowSource(name, name, Reason.NEW, lambda limit: [(at, 1.0) for at in positions][:limit], least)


def test_a_title_stands_in_the_first_row_that_has_it():
    rows = compose_rows([source("one", [1, 2, 3]), source("two", [2, 4, 5, 6]), source("three", [1, 4])], 3)
    assert [[at for at, _ in row.items] for row in rows] == [[1, 2, 3], [4, 5, 6]]


def test_a_row_that_is_too_short_is_left_out_and_its_titles_stay_free():
    rows = compose_rows([source("short", [1, 2], least=3), source("next", [1, 2, 7])], 5)
    assert [(row.row_id, len(row.items)) for row in rows] == [("next", 3)]


def test_favourites_are_the_most_frequent():
    table = TitleTable()
    for number, (genre, year) in enumerate([("Drama", 1994), ("Drama", 2001), ("Horror", 1999), ("Anime", None)]):
        table.upsert(RecommendTitle(str(number), None, 0.0, True, genres=(genre,), year=year))
    assert favourites(table, ["0", "1", "2", "3", "unknown"]) == (["Drama", "Anime", "Horror"], [1990, 2000])
