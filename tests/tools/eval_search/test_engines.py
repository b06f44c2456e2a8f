"""Each engine finds a film by its title, and ours is scored by rank."""

import pytest

from tools.eval_search.__main__ import score_engine
from tools.eval_search.corpus import FilmLine, make_corpus
from tools.eval_search.engines import Matinee, PlainTantivy, SqliteFts
from tools.eval_search.queries import Question

FILMS = [FilmLine("Gladiator", 2000, ("Russell Crowe",)), FilmLine("The Insider", 1999), FilmLine("Alien", 1979)]


@pytest.fixture
def corpus():
    return make_corpus(FILMS, 3, 1)


@pytest.mark.parametrize("make", [Matinee, PlainTantivy, SqliteFts])
def test_each_engine_finds_a_title(make, corpus, tmp_path):
    assert make(corpus, tmp_path).find("gladiator")[0] == "f0"


def test_a_score_is_the_mean_of_ranks(corpus, tmp_path):
    class Fixed:
        def find(self, text):
            return ["f1", "f0"] if text == "second" else []

    titles = {film.content_id: film.title for film in corpus}
    asked = [Question("second", corpus[0]), Question("none", corpus[0])]
    score = score_engine(Fixed(), asked, titles)
    assert (score.mrr, score.recall) == (0.25, 0.5)
    assert score_engine(Fixed(), [], titles).recall == 0, "films without a cast have no question of that kind"
