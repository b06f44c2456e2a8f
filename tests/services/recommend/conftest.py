"""Small worlds of viewers with tastes, for the models."""

import numpy as np
import pytest

from services.adapters.catalogue import read_title_texts
from services.catalogue.store import CatalogueStore
from services.recommend.models.interactions import Interactions, sort_interactions
from services.recommend.store import FeedbackStore
from services.recommend.training.job import train_once
from services.recommend.training.trainer import NumpyTrainer, TrainingLimits
from services.recommend.training.versions import MODELS_FOLDER, ModelVersions
from system.database.engine import DatabaseAddress


@pytest.fixture(scope="session")
def make_interactions():
    """Make interactions from (user, item, at[, country]) tuples; items and users are named in order."""

    def make(rows, items=None):
        users = sorted({row[0] for row in rows})
        items = sorted({row[1] for row in rows} | set(items or ()))
        countries = sorted({row[3] for row in rows if len(row) > 3})
        return sort_interactions(
            Interactions(
                users, items, countries,
                np.array([users.index(row[0]) for row in rows], np.int32),
                np.array([items.index(row[1]) for row in rows], np.int32),
                np.ones(len(rows), np.float32),
                np.array([float(row[2]) for row in rows]),
                np.array([countries.index(row[3]) if len(row) > 3 else -1 for row in rows], np.int32),
            )
        )  # fmt: skip

    return make


@pytest.fixture
def train(tmp_path, clock):
    """`await train()` trains on the test's database and catalogue as the command does, with small models."""

    async def run(**limits):
        data = tmp_path / "data"
        store = FeedbackStore(DatabaseAddress(data / "recommend.sqlite3"))
        catalogue = CatalogueStore(DatabaseAddress(data / "catalogue.sqlite3"))
        await store.open()
        await catalogue.open()
        try:
            titles, series = await read_title_texts(catalogue)
            small = TrainingLimits(**{"factors": 8, "judged_viewers": 60} | limits)
            versions = ModelVersions(data / MODELS_FOLDER)
            return await train_once(store, titles, versions, clock, NumpyTrainer(), small, series=series)
        finally:
            await store.close()
            await catalogue.close()

    return run


def tastes(users=120, seed=3, *, ordered=False):
    """Two camps, of titles a00…a29 and b00…b29; each viewer has twelve of their camp's, and one of the other's.

    Ordered: each camp watches its titles one after the other, from a place of the viewer's own.
    """
    draw = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        camp, other = ("a", "b") if user % 2 else ("b", "a")
        start = int(draw.integers(30))
        titles = [(start + step) % 30 for step in range(12)] if ordered else draw.permutation(30)[:12]
        rows.append((f"u{user:03}", f"{other}{int(draw.integers(30)):02}", 1.0))
        rows += [
            (f"u{user:03}", f"{camp}{int(title):02}", 10.0 * (1 + step) if ordered else 1.0)
            for step, title in enumerate(titles)
        ]
    return rows


@pytest.fixture(scope="session")
def camps(make_interactions):
    """Interactions of the two camps, all at one time."""
    return make_interactions(tastes())


@pytest.fixture(scope="session")
def paths(make_interactions):
    """Interactions of the two camps, in an order."""
    return make_interactions(tastes(ordered=True))
