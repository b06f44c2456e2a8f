"""Titles without viewers are placed by what they are."""

import numpy as np

from services.recommend.models.content import count_features, feature_rarity, fit_content, weigh_features
from services.recommend.titles import TitleText


def film(genre, word="", *people, year=1990):
    return TitleText((genre,), year, people, word)


def test_a_new_title_gets_the_factors_of_its_like():
    titles = [film("Western", f"desert {number}") for number in range(10)]
    titles += [film("Comedy", f"office {number}") for number in range(10)]
    factors = np.array([[1.0, 0.0]] * 10 + [[0.0, 1.0]] * 10, np.float32)
    model = fit_content(titles, factors, np.full(20, 50.0, np.float32), ridge=1.0)
    western, comedy, unknown = model.factors([film("Western", "desert"), film("Comedy"), TitleText()])
    assert western[0] > 0.5 > western[1]
    assert comedy[1] > comedy[0]
    assert unknown.tolist() == [0.0, 0.0]


def test_features_of_one_title_alone_and_everyday_words_say_nothing():
    counts = count_features([film("A", "the unique"), film("A", "the common"), film("B", "the common", "Jane")])
    rarity = feature_rarity(counts)
    vectors = weigh_features(counts, rarity)
    similar = (vectors @ vectors.T).toarray()
    assert similar[0, 1] > similar[0, 2]
    assert similar[1, 2] > similar[0, 2]


def test_letter_case_and_unicode_forms_do_not_matter():
    one = count_features([film("Drama", "Café", "ZOË")])
    other = count_features([film("drama", "CAFE\u0301", "Zoe\u0308")])
    for kind, rows in one.items():
        assert (rows != other[kind]).nnz == 0


def test_no_titles_make_no_trouble():
    model = fit_content([], np.zeros((0, 4), np.float32), np.zeros(0, np.float32), 1.0)
    assert model.factors([film("A")]).tolist() == [[0.0] * 4]
