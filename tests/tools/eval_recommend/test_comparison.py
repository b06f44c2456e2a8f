"""The comparison of models, on a small world."""

import numpy as np

from tests.tools.eval_recommend.test_ratings import ratings
from tools.eval_recommend.comparison import item_knn, model_scores
from tools.eval_recommend.ratings import without_times


def test_neighbours_and_models_find_a_viewers_camp(tmp_path):
    from services.recommend.training.trainer import NumpyTrainer, TrainingLimits

    found = without_times(ratings(tmp_path))
    model = NumpyTrainer().train(found, {}, TrainingLimits(factors=8, judged_viewers=20)).model
    camp = np.array([int(name) < 20 for name in found.items])
    for scores in (item_knn(found.matrix()), model_scores(model, found)):
        viewer = found.users.index("0")
        assert scores[viewer][camp].mean() > scores[viewer][~camp].mean()
