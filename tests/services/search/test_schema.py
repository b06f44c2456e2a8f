"""Documents of the index."""

from services.search.schema import Filters, IndexedTitle, filter_clauses, genre_key, to_candidate, to_document


def test_a_title_comes_back_from_its_document():
    entry = IndexedTitle("a", "Amélie", 2001, ("Comedy",), ("Audrey Tautou",), "Paris.", None, 3.0)
    found = to_candidate(to_document(entry), 1.5)
    assert (found.content_id, found.title, found.key, found.cast) == ("a", "Amélie", "amelie", ("audrey tautou",))
    assert (found.text, found.popularity, found.year, found.score) == ("Paris.", 3.0, 2001, 1.5)


def test_filters_are_clauses_for_country_and_each_genre():
    assert len(filter_clauses(Filters(None))) == 1
    assert len(filter_clauses(Filters("DE", ("drama", "war")))) == 3
    assert genre_key("Science-Fiction") == "science fiction"
    assert genre_key("!") == "!"
