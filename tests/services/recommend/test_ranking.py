"""The list a viewer sees."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from services.recommend import model
from services.recommend.model import Model
from services.recommend.ranking import Taste, TitleTable, rank_titles


@pytest.fixture
def shelf():
    shelf = TitleTable()
    for name, countries, popularity, playable in (
        ("a", None, 1.0, True), ("b", ("DE",), 5.0, False), ("c", ("FR",), 9.0, True), ("d", (), 99.0, True),
    ):  # fmt: skip
        shelf.upsert(name, countries, popularity, playable=playable)
    return shelf


def ids(found):
    return [content for content, _ in found]


def fitted(near, trend):
    items = sorted({*near, *trend, *(other for row in near.values() for other in row)})
    matrix = np.array([[near.get(row, {}).get(column, 0.0) for column in items] for row in items])
    values = np.array([trend.get(item, 0.0) for item in items])
    return Model(
        items, {item: n for n, item in enumerate(items)}, sparse.csr_matrix(matrix), values, np.zeros(len(items))
    )


def test_without_any_knowledge_the_popular_come_first_and_only_what_is_licensed(shelf):
    assert ids(rank_titles(shelf, model.empty_model(), Taste(), "DE", 10)) == ["b", "a"]
    assert ids(rank_titles(shelf, model.empty_model(), Taste(), "FR", 10)) == ["c", "a"]
    assert ids(rank_titles(shelf, model.empty_model(), Taste(), None, 10)) == ["a"]
    assert ids(rank_titles(shelf, model.empty_model(), Taste(), "DE", 10, playable=True)) == ["a"]


def test_personal_beats_trends_and_trends_beat_popularity(shelf):
    found = rank_titles(shelf, fitted({"x": {"a": 0.5}}, {"c": 0.1}), Taste({"x": 1.0}), "FR", 10)
    assert ids(found) == ["a", "c"]
    assert [int(score) for _, score in found] == [3, 2]


def test_masking_comes_before_the_limit(shelf):
    assert ids(rank_titles(shelf, model.empty_model(), Taste(), "FR", 1)) == ["c"]
    assert ids(rank_titles(shelf, model.empty_model(), Taste(disliked=frozenset("c")), "FR", 1)) == ["a"]


def test_what_was_seen_comes_last_but_comes(shelf):
    taste = Taste(seen=frozenset("c"))
    assert ids(rank_titles(shelf, model.empty_model(), taste, "FR", 10)) == ["a", "c"]
    assert ids(rank_titles(shelf, model.empty_model(), Taste(seen=frozenset("ac")), "FR", 10)) == ["c", "a"]


def test_a_changed_licence_holds_at_once(shelf):
    shelf.upsert("a", ("FR",), 1.0, playable=True)
    assert ids(rank_titles(shelf, model.empty_model(), Taste(), "DE", 10)) == ["b"]


def test_an_empty_shelf_gives_an_empty_list():
    assert rank_titles(TitleTable(), model.empty_model(), Taste(), "DE", 10) == []


@given(st.lists(st.tuples(st.sampled_from([None, ("DE",), ()]), st.floats(0, 1e9)), max_size=30), st.integers(1, 10))
def test_lists_are_ordered_full_and_licensed(titles, limit):
    shelf = TitleTable()
    for number, (countries, popularity) in enumerate(titles):
        shelf.upsert(f"t{number}", countries, popularity, playable=True)
    found = rank_titles(shelf, model.empty_model(), Taste(), "DE", limit)
    allowed = {f"t{number}" for number, (countries, _) in enumerate(titles) if countries is None or countries}
    assert len(found) == min(limit, len(allowed))
    assert set(ids(found)) <= allowed
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
