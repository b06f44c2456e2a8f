"""Questions have the errors that their kind says."""

import random

from rapidfuzz.distance import OSA

from services.search.text.fold import key
from tools.eval_search.corpus import FilmLine, make_corpus
from tools.eval_search.queries import begin, drop_word, make_questions, mistype

NAMES = ("Anna", "Berta", "Carla", "Dora", "Emma")
FILMS = [FilmLine(f"The Long Night of {name}", 1990, ("Ann Lee",)) for name in NAMES]


def test_a_typing_error_is_one_edit():
    rng = random.Random(1)
    for _ in range(200):
        typed = mistype("gladiator", rng)
        assert OSA.distance(typed, "gladiator") <= 1
        assert typed[0] == "g"


def test_a_beginning_and_a_dropped_word():
    film = make_corpus(FILMS, 5, 1)[0]
    assert key(film.title).startswith(begin(film))
    assert len(drop_word(film, random.Random(1)).split()) == len(film.title.split()) - 1


def test_questions_are_about_one_half_only():
    corpus = make_corpus(FILMS, 5, 1)
    for half in (0, 1):
        for asked in make_questions(corpus, half, 10, 1).values():
            assert all(question.film.half == half and question.film.real for question in asked)
