"""Documents of the index hold what queries ask for."""

from services.search.index.entry import make_row
from services.search.index.schema import SCHEMA, analyzers, read_row, stem, to_document
from tests.services.search.conftest import entry


def test_a_row_comes_back_from_its_document():
    one = entry("a", "Amélie", year=2001, genres=("Comedy",), countries=("FR",), text="A waitress.", rating=8.3)
    row = make_row(one)
    assert read_row(to_document(one, row)) == row


def test_words_of_a_description_are_stemmed_as_those_of_a_query():
    [token] = analyzers()["english"].analyze("hunted")
    assert token == stem("hunting")


def test_a_title_without_rating_or_parent_is_a_document():
    one = entry("a", "x" * 500, text="word " * 20_000)
    assert to_document(one, make_row(one)).get_first("id") == "a"
    assert SCHEMA is not None
