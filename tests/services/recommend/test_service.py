"""Lists follow what viewers do, and fall back instead of failing."""

import asyncio

import pytest

from services.counters import Counters
from services.recommend.events import Action, FeedbackEvent
from services.recommend.service import ListSource, RecommendPolicy, RecommendService
from services.recommend.store import FeedbackStore
from services.recommend.titles import Audience, RecommendTitle
from services.recommend.training.artefact import Artefact, Manifest
from services.recommend.training.trainer import NumpyTrainer, TrainingLimits
from system.database.engine import DatabaseAddress
from tests.doubles.clock import FakeClock

GERMANY = Audience("DE")


@pytest.fixture(scope="module")
def trained(camps):
    return NumpyTrainer().train(camps, {}, TrainingLimits(factors=8, judged_viewers=60))


def artefact_of(trained, version="v1"):
    manifest = Manifest(version, 0.0, 1, 1, 1, 1, 0, 0, 0.0, {}, {}, {}, {}, {}, 0.0, {})
    return Artefact(manifest, trained.model, trained.trends)


class World:
    """A service over a real store, a clock to move, and the work that the models say they did."""

    def __init__(self, store, trained):
        self.clock = FakeClock()
        self.store = store
        self.work_time = lambda: 0.0
        work = lambda: self.work_time()  # noqa: E731, PLW0108 (tests replace it)
        self.service = RecommendService(store, self.clock, Counters(), RecommendPolicy(), work)
        for item in trained.model.items:
            self.service.table.upsert(RecommendTitle(item, None if item != "a00" else ("FR",), 1.0, True))
        self.service.use_artefact(artefact_of(trained))

    async def feed(self, user, *contents, action=Action.VIEW, value=None):
        events = [FeedbackEvent(user, one, action, value, self.clock.wall()) for one in contents]
        await self.store.add_events(events, self.clock.wall())
        for one in events:
            self.service.note_event(user, one.content, action, one.at, "DE")

    async def ids(self, user, limit=10, audience=GERMANY):
        answer = await self.service.recommend(user, audience, limit)
        return [content for content, _ in answer.items], answer.source


@pytest.fixture
async def world(tmp_path, trained):
    store = FeedbackStore(DatabaseAddress(tmp_path / "recommend.sqlite3"))
    await store.open()
    yield World(store, trained)
    await store.close()


async def test_a_newcomer_sees_what_their_country_watches_and_one_event_changes_it(world):
    first, source = await world.ids("new")
    assert source is ListSource.TREND
    assert len(first) == 10
    await world.feed("new", "b07")
    mine, source = await world.ids("new")
    assert source is ListSource.BLEND
    assert mine != first
    assert sum(content.startswith("b") for content in mine) >= 8
    assert "b07" not in mine


async def test_a_dislike_hides_for_ever_and_what_was_watched_is_not_new(world):
    await world.feed("u", "a01", "a02")
    await world.feed("u", "a03", action=Action.DISLIKE)
    for number in range(1200):
        await world.clock.advance(1)
        if number % 400 == 0:
            await world.feed("u", "a04")
    mine, _ = await world.ids("u", 60)
    assert "a03" not in mine
    assert set(mine[-3:]) == {"a01", "a02", "a04"}
    assert len(mine) == 58  # all but the disliked one and the one that is licensed in France only


async def test_what_is_not_licensed_any_more_disappears_at_once(world):
    await world.feed("u", "a01", "a02")
    mine, _ = await world.ids("u")
    world.service.table.upsert(RecommendTitle(mine[0], ("FR",), 1.0, True))
    world.service.table.upsert(RecommendTitle(mine[1], None, 1.0, True, maturity=18))
    later, _ = await world.ids("u")
    assert mine[0] not in later
    assert len(later) == 10
    young, _ = await world.ids("u", audience=Audience("DE", maturity=12))
    assert mine[1] not in young


async def test_a_slow_model_falls_back_and_after_some_time_is_asked_again(world, trained):
    await world.feed("u", "a01")
    ready, _ = await world.ids("u")
    calls = 0

    def work():
        nonlocal calls
        calls += 1
        return calls * 0.03

    world.work_time = work
    for number in range(10):
        found, source = await world.ids("u", limit=20 + number)
        assert source is ListSource.LATE
        assert len(found) == 20 + number
    assert (await world.ids("u", limit=40))[1] is ListSource.BROKEN
    world.work_time = lambda: 0.0
    await world.clock.advance(6)
    assert await world.ids("u") == (ready, ListSource.BLEND)


async def test_marks_that_cannot_be_read_are_no_error(world):
    await world.store.close()
    found, source = await world.ids("u")
    assert (len(found), source) == (10, ListSource.BROKEN)


async def test_models_are_swapped_under_load_without_an_error(world, trained):
    for user in range(20):
        await world.feed(f"u{user}", "a01", "b02")

    async def ask(user):
        answers = [await world.service.recommend(f"u{user}", GERMANY, 10) for _ in range(10)]
        return [(len(one.items), one.version) for one in answers]

    async def swap():
        for number in range(10):
            world.service.use_artefact(artefact_of(trained, f"v{number + 2}"))
            await asyncio.sleep(0)

    *lists, _ = await asyncio.gather(*(ask(user) for user in range(20)), swap())
    assert {size for found in lists for size, _ in found} == {10}
    assert (await world.service.recommend("u1", GERMANY, 10)).version == "v11"


async def test_who_does_not_consent_gets_the_trend(world):
    await world.feed("u", "a01")
    answer = await world.service.recommend("u", GERMANY, 10, personal=False)
    assert answer.source is ListSource.TREND


async def test_one_viewer_who_watches_a_film_a_thousand_times_does_not_lead_the_trend(world):
    for _ in range(200):
        await world.feed("fan", "a20")
    for user in range(40):
        await world.feed(f"w{user}", "b20")
    world.service.candidates.use_model(world.service.artefact.model)
    found, _ = await world.ids("newcomer", 60)
    assert found.index("b20") < found.index("a20")


async def test_lists_are_always_filled_and_never_longer(world):
    await world.feed("u", "a01")
    assert len((await world.ids("u", 100))[0]) == 59
    assert len((await world.ids("u", 1))[0]) == 1
    empty, _ = await world.ids("u", 10, Audience("DE", maturity=-1))
    assert empty == []
