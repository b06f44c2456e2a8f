"""Which rows a viewer gets."""

import pytest

from services.recommend.curation import CuratedRow
from services.recommend.events import Action
from services.recommend.home_page import HomePage
from services.recommend.serving.rows import Reason
from services.recommend.store import FeedbackStore
from services.recommend.titles import Audience, RecommendTitle
from services.recommend.training.trainer import NumpyTrainer, TrainingLimits
from system.database.engine import DatabaseAddress
from tests.services.recommend.test_service import World


@pytest.fixture(scope="module")
def trained(camps):
    return NumpyTrainer().train(camps, {}, TrainingLimits(factors=8, judged_viewers=60))


@pytest.fixture
async def world(tmp_path, trained):
    store = FeedbackStore(DatabaseAddress(tmp_path / "recommend.sqlite3"))
    await store.open()
    world = World(store, trained)
    for item in trained.model.items:
        number = int(item[1:])
        title = RecommendTitle(
            item,
            None,
            1.0,
            True,
            name=item.upper(),
            genres=(item[0],),
            year=1970 + number,
            published=str(1970 + number),
        )
        world.service.table.upsert(title)
    world.service.use_artefact(world.service.artefact)
    yield world
    await store.close()


async def rows_of(world, user, curated=(), size=5):
    rows, _ = await HomePage(world.service).rows(user, Audience("DE"), size, curated, 0.0, personal=True)
    titles = world.service.table.titles
    return {row.row_id: ([titles[at].content_id for at, _ in row.items], row.reason, row.title) for row in rows}


async def test_a_viewer_gets_rows_of_their_taste(world):
    await world.feed("u", "a01", "a02", "a03")
    await world.clock.advance(5)
    await world.feed("u", "a04", action=Action.WATCH, value=0.4)
    await world.feed("u", "a05", action=Action.DISLIKE)
    rows = await rows_of(world, "u", [("hand", CuratedRow("By hand", ("b01", "a05", "b02")))])
    assert list(rows)[:2] == ["continue-watching", "for-you"]
    assert rows["continue-watching"][0] == ["a04"]
    because = [name for name, row in rows.items() if row[1] is Reason.BECAUSE]
    assert len(because) == 2
    assert rows[because[0]][2] == "Because you watched A04"
    assert sum(one.startswith("a") for one in rows["for-you"][0]) >= 4
    assert rows["hand"][0] == ["b01", "b02"]
    assert rows["decade-1970"][1] is Reason.DECADE
    shown = [one for row in rows.values() for one in row[0]]
    assert len(shown) == len(set(shown))
    assert "a05" not in shown


async def test_a_newcomer_gets_what_is_watched_and_what_is_new(world):
    rows = await rows_of(world, "nobody")
    assert list(rows)[:2] == ["trending", "new"]
    assert {"a29", "b29"} <= set(rows["new"][0])
    assert {row[1] for row in rows.values()} == {Reason.TRENDING, Reason.NEW, Reason.GENRE}
