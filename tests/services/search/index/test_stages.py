"""The queries of the stages, each on an index."""

from services.search.index import stages
from services.search.query.parse import parse_query
from tests.services.search.conftest import entry


def ids(searched, query):
    return {row.content_id for row in stages.fetch_popular(searched.index.snapshot, query, [], 100)}


def test_a_beginning_and_a_whole_title(searched):
    searched.fill(entry("a", "Star"), entry("b", "Star Wars"), entry("c", "The Star"), entry("d", "A Costar"))
    assert ids(searched, stages.whole_query(parse_query("star"))) == {"a", "c"}
    assert ids(searched, stages.beginning_query(parse_query("star"))) == {"a", "b", "c"}


def test_first_letters_of_titles_and_of_last_words(searched):
    searched.fill(
        entry("a", "The Star"), entry("b", "Ace of Spades"), entry("c", "Ace", cast=("Sam Neill",)), entry("d", "Ast")
    )
    assert [ids(searched, stages.beginning_query(parse_query(text))) for text in ("s", "st", "the", "ace")] == [
        {"a"}, {"a"}, {"a"}, {"b", "c"},
    ]  # fmt: skip
    for text in ("ace s", "ace sp", "ace spa"):
        assert ids(searched, stages.words_query(parse_query(text), stages.TITLE)) == {"b"}, text
    assert ids(searched, stages.words_query(parse_query("ace s"), stages.NAMES)) == {"b", "c"}
    assert ids(searched, stages.all_words_query(parse_query("ace ne"))) == {"c"}


def test_typing_errors_are_allowed_by_length(searched):
    searched.fill(entry("a", "Cat"), entry("b", "Stars"), entry("c", "Gladiators"))
    similar = stages.similar_words_query
    assert ids(searched, similar(parse_query("cet"), stages.TITLE, 0)) == set()
    assert ids(searched, similar(parse_query("sters"), stages.TITLE, 0)) == {"b"}
    assert ids(searched, similar(parse_query("gledietors film"), stages.TITLE, 1)) == {"c"}


def test_two_words_for_one(searched):
    searched.fill(entry("a", "Spiderman Returns"), entry("b", "Spider"))
    joined = stages.joined_words_query(parse_query("spider man returns"))
    assert joined is not None
    assert ids(searched, joined) == {"a"}
    assert stages.joined_words_query(parse_query("spider")) is None


def test_the_best_scores_come_with_their_titles(searched):
    searched.fill(entry("a", "Gladiator"), entry("b", "Gladiolus"), entry("c", "Other"))
    best = stages.fetch_best(searched.index.snapshot, stages.shared_trigrams_query("gladiatr"), [], 10)
    assert best[0].content_id == "a"
    assert "c" not in {row.content_id for row in best}


def test_pages_of_a_sorted_list_follow_one_another(searched):
    searched.fill(*(entry(f"t{n}", f"T {n:02d}", year=1990 + n) for n in range(30)))
    everything = stages.all_titles()
    pages = [stages.fetch_sorted(searched.index.snapshot, everything, [], "title", 10, at) for at in (0, 10, 20)]
    assert [row.title for page in pages for row in page] == [f"T {n:02d}" for n in range(30)]


def test_titles_by_their_ids(searched):
    searched.fill(entry("a"), entry("b"))
    assert {row.content_id for row in stages.fetch_titles(searched.index.snapshot, ["a", "x"])} == {"a"}
    assert stages.fetch_titles(searched.index.snapshot, []) == []
    assert stages.count_titles(searched.index.snapshot, stages.all_titles(), []) == 2
