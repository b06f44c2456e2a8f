"""When the service trains."""

import pytest

from services.counters import Counters
from services.recommend.events import Action, FeedbackEvent
from services.recommend.store import FeedbackStore
from services.recommend.training.artefact import Manifest
from services.recommend.training.schedule import TrainingSchedule, is_due
from services.recommend.training.versions import ModelVersions, VersionRow
from system.database.engine import DatabaseAddress
from tests.doubles.clock import FakeClock

SERVED = Manifest("v", 0.0, 1, 1, 1, 1, 50, 2, 0.0, {}, {}, {}, {}, {}, 0.0, {})


@pytest.mark.parametrize(
    ("manifest", "head", "erasures", "since", "due"),
    [
        (None, 0, 0, 9e9, False),
        (None, 1, 0, 299.0, False),
        (None, 1, 0, 300.0, True),
        (SERVED, 50, 2, 9e9, False),
        (SERVED, 51, 2, 3599.0, False),
        (SERVED, 51, 2, 3600.0, True),
        (SERVED, 50, 3, 59.0, False),
        (SERVED, 50, 3, 60.0, True),
    ],
)
def test_trainings_follow_feedback_and_erasure(manifest, head, erasures, since, due):
    assert is_due(manifest, head, erasures, since, 3600.0) is due


async def test_one_training_at_a_time_is_run_and_counted(tmp_path):
    clock, counters = FakeClock(), Counters()
    store = FeedbackStore(DatabaseAddress(tmp_path / "recommend.sqlite3"))
    await store.open()
    codes = [0, 1, 1]
    versions = ModelVersions(tmp_path / "models")

    async def train():
        if len(codes) == 1:
            versions.add_row(VersionRow("v", clock.wall(), False, 1, 1, 1, 1.0, {}, "its lists are worth less"))
        return codes.pop(0)

    schedule = TrainingSchedule(store, versions, clock, counters, train, 60.0)
    assert not await schedule.train_if_due()
    await store.add_events([FeedbackEvent("u", "a", Action.VIEW, None, 1.0)], 1.0)
    await clock.advance(61)
    assert await schedule.train_if_due()
    assert not await schedule.train_if_due()
    await clock.advance(61)
    assert await schedule.train_if_due()
    assert counters.registry.get_sample_value("matinee_recommend_trainings_total", {"outcome": "failed"}) == 1
    (tmp_path / "models").mkdir()
    await clock.advance(61)
    assert await schedule.train_if_due()
    # A model that is worse is no failure of training.
    assert counters.registry.get_sample_value("matinee_recommend_trainings_total", {"outcome": "failed"}) == 1
    assert counters.registry.get_sample_value("matinee_recommend_trainings_total", {"outcome": "worse"}) == 1
    await store.close()
