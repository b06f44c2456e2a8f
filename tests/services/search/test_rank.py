"""The order of results."""

from services.search import rank
from services.search.rank import Candidate
from services.search.words import key, words


def candidate(title, cast=(), popularity=0.0, score=1.0):
    return Candidate(title, title, key(title), tuple(key(name) for name in cast), "", popularity, 2000, score)


def test_grades_go_from_the_very_title_down_to_descriptions():
    alien = candidate("Alien", cast=["Sigourney Weaver"])
    grades = {
        "alien": 5, "alie": 4, "alien sigourney": 1, "sigourney weaver": 1, "sigourney weav": 1, "space": 0,
    }  # fmt: skip
    assert {text: rank.match_grade(alien, words(text)) for text in grades} == grades
    assert rank.match_grade(candidate("The Black Alien"), ["alien"]) == 3
    assert rank.match_grade(candidate("The Black Alien"), ["black", "ali"]) == 2
    assert rank.match_grade(candidate("Spider-Man"), ["spiderman"]) == 5


def test_the_exact_title_comes_first_and_popularity_settles_equals():
    found = [
        candidate("Aliens Too", popularity=9e9),
        candidate("Alien", popularity=1),
        candidate("Aliens", popularity=50),
    ]
    assert [one.title for _, one in rank.rank_exact(found, ["alien"])] == ["Alien", "Aliens Too", "Aliens"]


def test_typos_find_what_was_meant():
    titles = ["The Godfather", "Disco Godfather", "Goodfellas", "Gold", "The Matrix", "Matru", "Valiant", "Alien"]
    for text, meant in (
        ("godfathr", "The Godfather"),
        ("matrx", "The Matrix"),
        ("alian", "Alien"),
        ("teh godfather", "The Godfather"),
    ):
        assert rank.rank_similar([candidate(title) for title in titles], words(text))[0].title == meant


def test_a_name_in_the_cast_is_found_by_a_typo():
    found = rank.rank_similar(
        [candidate("Titanic", cast=["Leonardo DiCaprio"]), candidate("Leon")], words("leonardo dicapprio")
    )
    assert found[0].title == "Titanic"


def test_what_is_far_is_left_out():
    assert rank.rank_similar([candidate("Casablanca")], ["zzzz"]) == []
    assert rank.rank_similar([candidate("!!!")], ["zzzz"]) == []


def test_exact_finds_stand_before_typos_and_typos_before_descriptions():
    exact = [(3, candidate("Alien")), (0, candidate("Said somewhere"))]
    merged = rank.merge(exact, [candidate("Allen"), candidate("Alien")])
    assert [one.title for one in merged] == ["Alien", "Allen", "Said somewhere"]
    assert rank.may_be_misspelt(exact)
    assert not rank.may_be_misspelt([(2, candidate(str(n))) for n in range(5)])
