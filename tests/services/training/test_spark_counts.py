"""Counts of parts of the viewers add up to those of all."""

import numpy as np
import pytest

from services.recommend.training.viewing_counts import LocalCounts, most_viewed
from services.training.spark_counts import build_interactions, count_sizes, count_viewers, part_gram, part_pairs

ITEMS = [f"t{number:02}" for number in range(30)]


def rows_of(users=60, seed=1):
    draw = np.random.default_rng(seed)
    return [
        (f"u{user:02}", ITEMS[title], 1.0, 100.0 * step, "DE" if user % 2 else "")
        for user in range(users)
        for step, title in enumerate(draw.permutation(30)[: int(draw.integers(2, 20))])
    ]


@pytest.fixture
def partitions():
    users = {}
    for row in rows_of():
        users.setdefault(row[0], []).append(row)
    pairs = list(users.items())
    return [pairs[:7], pairs[7:8], [], pairs[8:]]


def test_parts_add_up_to_the_counts_of_one_machine(partitions):
    local = LocalCounts(build_interactions(rows_of(), ITEMS))
    viewers = sum(count_viewers(part, ITEMS) for part in partitions)
    assert (viewers == local.viewers()).all()
    titles = most_viewed(viewers.astype(np.float32), 20)
    sizes = [size for part in partitions for size in count_sizes(part, ITEMS, titles)]
    gram = sum(part_gram(part, ITEMS, titles, 0.3, float(np.median(sizes))) for part in partitions)
    assert np.allclose(gram, local.gram(titles, 0.3), rtol=1e-5)
    pairs = sum(part_pairs(part, ITEMS, titles) for part in partitions)
    assert np.allclose(pairs.toarray(), local.pairs(titles).toarray(), rtol=1e-5)


def test_rows_of_titles_that_the_model_does_not_have_are_left_out():
    found = build_interactions([("u", "gone", 1.0, 5.0, ""), ("u", "t01", 0.5, 6.0, "DE")], ITEMS)
    assert (len(found), found.items[found.item[0]], found.countries) == (1, "t01", ["DE"])
