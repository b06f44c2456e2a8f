"""The corpus: the same for the same seed, made-up titles never those of real films."""

import gzip

import pytest

from kernel.errors import BadSettings
from tools.eval_search.corpus import FilmLine, make_corpus, read_films

FILMS = [FilmLine("The Long Night", 1990), FilmLine("The Night Train", 1991), FilmLine("Long Way Home", 1992)]


def test_a_corpus_is_the_same_for_the_same_seed():
    assert make_corpus(FILMS, 6, 1) == make_corpus(FILMS, 6, 1)
    assert make_corpus(FILMS, 6, 1) != make_corpus(FILMS, 6, 2)


def test_made_up_titles_are_not_real_ones():
    corpus = make_corpus(FILMS, 6, 1)
    assert [film.title for film in corpus if film.real] == [film.title for film in FILMS]
    assert len({film.title for film in corpus}) == 6


@pytest.mark.parametrize("films", [[], [FilmLine("Alien", 1979)]])
def test_a_file_with_too_few_words_ends_the_run(films):
    """It drew titles without end."""
    with pytest.raises(BadSettings, match="not for 5"):
        make_corpus(films, 5, 1)


def test_a_bad_line_is_named(tmp_path):
    path = tmp_path / "films.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"title": "A"}\n{"title": 3}\n'))
    with pytest.raises(BadSettings, match="line 2"):
        read_films(path)
