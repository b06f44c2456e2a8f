"""Artefacts: written whole, checked, and read back the same."""

import numpy as np
import pytest

from kernel.errors import StorageFailed
from services.recommend.models.blend import blend_scores, make_history, make_pool
from services.recommend.titles import TitleText
from services.recommend.training.artefact import Manifest, TrendHead, load_artefact, write_artefact
from services.recommend.training.trainer import NumpyTrainer, TrainingLimits


@pytest.fixture(scope="module")
def trained(paths):
    texts = {item: TitleText((item[0],)) for item in paths.items}
    return NumpyTrainer().train(paths, texts, TrainingLimits(factors=8, judged_viewers=60))


def write(folder, trained):
    ials = trained.model.ials
    parameters = {"size": ials.size, "unobserved": ials.unobserved, "ridge": ials.ridge, "iterations": ials.iterations}
    heads = {name: TrendHead(row, one.at, one.half_life) for row, (name, one) in enumerate(trained.trends.items())}
    manifest = Manifest(
        "20261130T000000-00000000", 5.0, 1, 9, 9, 9, 3, 0, 9.0, dict(trained.model.weights), parameters, heads, {}, {},
        1.0, {},
    )  # fmt: skip
    write_artefact(folder, manifest, trained.model, trained.trends)


def test_a_loaded_model_scores_as_the_trained_one(tmp_path, trained):
    write(tmp_path / "v", trained)
    found = load_artefact(tmp_path / "v")
    history = make_history(np.array([3, 40], np.int32), np.ones(2, np.float32), np.array([1.0, 9.0]))
    one, other = (
        blend_scores(model, history, make_pool(model, np.arange(60, dtype=np.int32)))
        for model in (trained.model, found.model)
    )
    assert np.allclose(one, other, atol=1e-5)
    assert found.manifest.cursor == 3
    assert np.allclose(found.trends[""].counts, trained.trends[""].counts)
    text = TitleText(("a",))
    assert np.allclose(found.model.content.factors([text]), trained.model.content.factors([text]))


@pytest.mark.parametrize("name", ["factors.npy", "items.json", "ease-titles.npy", "manifest.json"])
@pytest.mark.parametrize("harm", ["cut", "flip", "remove"])
def test_a_damaged_file_is_told(tmp_path, trained, name, harm):
    write(tmp_path / "v", trained)
    path = tmp_path / "v" / name
    body = path.read_bytes()
    if harm == "remove":
        path.unlink()
    else:
        path.write_bytes(body[:-1] if harm == "cut" else body[:-2] + bytes([body[-2] ^ 0xFF]) + body[-1:])
    with pytest.raises(StorageFailed):
        load_artefact(tmp_path / "v")
