"""What is held back, and what is chosen by it."""

import numpy as np

from services.recommend.models.ease import most_watched
from services.recommend.titles import TitleText
from services.recommend.training.holdout import hold_out
from services.recommend.training.trainer import NumpyTrainer, TrainingLimits
from services.recommend.training.tuning import choose_content_ridge, choose_ease, make_exam


def test_the_latest_title_is_held_back_where_times_say_which_it_is(paths):
    held = hold_out(paths, 50, seed=1)
    assert held.ordered
    assert held.held.sum() == len(held.viewers) == 50
    for row in np.flatnonzero(held.held):
        assert paths.at[row] == paths.at[paths.user == paths.user[row]].max()
    assert not (held.held & held.kept).any()
    # A list must also find what was watched at any time, or it lives by the last hour alone.
    assert 0.03 < held.others.sum() / np.isin(paths.user, held.viewers).sum() < 0.2
    assert (held.kept ^ held.held ^ held.others).all()
    exam = make_exam(paths, held, 50)
    recent, broad = exam.wanted.astype(np.float32), (exam.wanted | exam.others).astype(np.float32)
    assert exam.worth(broad) > exam.worth(recent)


def test_some_titles_are_held_back_where_times_say_nothing(camps):
    held = hold_out(camps, 60, seed=1)
    assert not held.ordered
    assert 0.05 < held.held.sum() / np.isin(camps.user, held.viewers).sum() < 0.15
    assert (hold_out(camps, 60, seed=1).held == held.held).all()


def test_what_a_viewer_watched_before_is_not_listed(camps):
    held = hold_out(camps, 20, seed=1)
    exam = make_exam(camps, held, 20)
    assert not (exam.hidden & exam.wanted).any()
    assert exam.judge(exam.hidden.astype(np.float32)).recall < exam.judge(exam.wanted.astype(np.float32)).recall == 1.0


def test_parameters_are_chosen_that_find_what_was_held_back(camps):
    held = hold_out(camps, 60, seed=1)
    matrix = camps.rows(held.kept).matrix()
    chosen = choose_ease(matrix, most_watched(matrix, 100), make_exam(camps, held, 60))
    assert chosen.ridge > 0


def test_order_counts_only_where_times_say_it(paths, camps):
    limits = TrainingLimits(factors=8, judged_viewers=100)
    ordered = NumpyTrainer().train(paths, {}, limits)
    assert ordered.model.weights["successors"] + ordered.model.weights["ease_recent"] > 0
    assert ordered.metrics["blend"]["ndcg"] > ordered.metrics["ease"]["ndcg"]
    static = NumpyTrainer().train(camps, {}, limits)
    assert "successors" not in static.model.weights


def test_the_content_model_is_judged_on_titles_that_it_does_not_know(make_interactions):
    draw = np.random.default_rng(1)
    rows = [
        (f"u{user:03}", f"{'ab'[user % 2]}{title:03}", 1.0)
        for user in range(60)
        for title in draw.permutation(150)[:30]
    ]
    found = make_interactions(rows)
    held = hold_out(found, 60, seed=1)
    exam = make_exam(found, held, 60)
    factors = np.array([[1.0, 0.0] if item[0] == "a" else [0.0, 1.0] for item in found.items], np.float32)
    users = np.array([[1.0, 0.0] if user % 2 == 0 else [0.0, 1.0] for user in held.viewers], np.float32)
    viewers = np.bincount(found.item, minlength=len(found.items)).astype(np.float32)

    def judged(genre):
        texts = [TitleText((genre(item),)) for item in found.items]
        return choose_content_ridge(texts, factors, viewers, exam, users, 1)[1].ndcg

    assert judged(lambda item: item[0]) > 1.3 * judged(lambda item: str(hash(item) % 2))
