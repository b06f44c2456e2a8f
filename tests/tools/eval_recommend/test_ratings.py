"""MovieLens ratings, read and split."""

import numpy as np

from tools.eval_recommend.ratings import last_rows, random_part, read_ratings, some_viewers, without_times


def ratings(folder):
    draw = np.random.default_rng(1)
    lines = ["userId,movieId,rating,timestamp"]
    for user in range(40):
        titles = draw.permutation(20)[:12] + 20 * (user % 2)
        lines += [f"{user},{title},4.0,{1000 + 10 * step}" for step, title in enumerate(titles)]
    (folder / "ratings.csv").write_text("\n".join([*lines, "99,1,1.0,5"]))
    return read_ratings(folder, 5)


def test_ratings_are_read_and_split(tmp_path):
    found = ratings(tmp_path)
    assert (len(found.users), len(found.items), len(found)) == (40, 40, 480)
    assert random_part(found, 0.25, 1).sum() == 40 * 3
    last = last_rows(found)
    assert last.sum() == 40
    assert set(found.at[last]) == {1110.0}
    assert set(without_times(found).at) == {0.0}
    assert len(some_viewers(found, 0.1, 1)) == 4
