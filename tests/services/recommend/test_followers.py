"""A running service takes up titles, feedback and models of other processes."""

import asyncio
from types import SimpleNamespace

import msgspec

from services.counters import Counters
from services.recommend.events import Action, FeedbackEvent
from services.recommend.followers import RecommendFollowers
from services.recommend.store import FeedbackStore
from services.recommend.training.versions import ModelVersions
from system.database.engine import DatabaseAddress
from tests.doubles.clock import FakeClock
from tests.services.recommend.conftest import tastes


async def add_events(tmp_path, clock, rows):
    store = FeedbackStore(DatabaseAddress(tmp_path / "data" / "recommend.sqlite3"))
    await store.open()
    await store.add_events([FeedbackEvent(u, i, Action.VIEW, None, at) for u, i, at in rows], clock.wall())
    await store.close()


async def answer(place, user):
    async with place.client.get(f"/recommendations?userId={user}&limit=5") as got:
        return got.headers["X-Recommend-Model"], [one["contentId"] for one in await got.json()]


async def test_titles_from_outside_are_shown_soon(start, fill, title, until):
    place = await start(default_country="DE")
    assert (await place.get("/recommendations?userId=me"))[1] == []
    await fill(title("new"))

    async def shown():
        return [one["contentId"] for one in (await place.get("/recommendations?userId=me"))[1]] == ["new"]

    await until(shown)


async def test_feedback_and_models_of_other_processes_are_taken_up(start, fill, title, until, train, tmp_path, clock):
    await fill(*(title(f"{camp}{n:02}", genres=(camp,)) for camp in "ab" for n in range(30)))
    place = await start(default_country="DE")
    await add_events(tmp_path, clock, tastes(60))
    first = await train()
    assert first.published

    async def is_served():
        return (await answer(place, "me"))[0].endswith(first.version)

    await until(is_served)
    assert (await answer(place, "me"))[0].startswith("trend;")
    await add_events(tmp_path, clock, [("me", "a03", 5.0)])

    async def is_personal():
        source, found = await answer(place, "me")
        return source.startswith("blend;") and sum(content.startswith("a") for content in found) >= 4

    await until(is_personal)


async def test_a_damaged_model_leaves_the_earlier_one_in_use(start, fill, title, until, train, tmp_path, clock):
    await fill(*(title(f"a{n:02}") for n in range(30)))
    await add_events(tmp_path, clock, tastes(30))
    first = await train()
    await clock.advance(60)
    second = await train(seed=2)
    versions = ModelVersions(tmp_path / "data" / "recommend-models")
    versions.publish(first.version)
    place = await start(default_country="DE")
    assert (await answer(place, "u001"))[0].endswith(first.version)
    factors = versions.path_of(second.version) / "factors.npy"
    factors.write_bytes(factors.read_bytes()[:-1] + b"x")
    versions.publish(second.version)

    async def is_refused():
        return "matinee_recommend_model_failures_total 1.0" in await (await place.client.get("/metrics")).text()

    await until(is_refused)
    assert (await answer(place, "u001"))[0].endswith(first.version)


async def test_after_erasure_the_model_is_that_of_a_world_without_the_person(fill, title, train, tmp_path, clock):
    await fill(*(title(f"a{n:02}") for n in range(30)))
    await add_events(tmp_path, clock, tastes(40))
    versions = ModelVersions(tmp_path / "data" / "recommend-models")

    def files(version):
        folder = versions.path_of(version)
        manifest = msgspec.json.decode((folder / "manifest.json").read_bytes())
        return manifest["files"], manifest["weights"], manifest["metrics"], manifest["parameters"]

    without = await train()
    expected = files(without.version)
    await add_events(tmp_path, clock, [("p-1", f"a{n:02}", 1.0) for n in range(0, 30, 3)])
    await clock.advance(60)
    known = await train()
    assert files(known.version)[0] != expected[0]
    store = FeedbackStore(DatabaseAddress(tmp_path / "data" / "recommend.sqlite3"))
    await store.open()
    await store.erase_person("acc", ["p-1"])
    await store.close()
    await clock.advance(60)
    after = await train()
    assert files(after.version) == expected
    assert [one.version for one in versions.stored()] == [after.version], "models that knew the person are gone"


class EventTable:
    """Stored events by number, as another process changes them."""

    def __init__(self):
        self.rows = []
        self.heads = []

    async def read_events(self, after, limit):
        return [row for row in self.rows if row[0] > after][:limit]

    async def head(self):
        found = max((row[0] for row in self.rows), default=0)
        self.heads = [found]
        return found


async def test_events_that_get_the_numbers_of_erased_ones_are_seen(until):
    table, seen = EventTable(), []
    service = SimpleNamespace(artefact=None, states={}, note_event=lambda user, *_: seen.append(user))
    followers = RecommendFollowers(service, None, table, None, FakeClock(), Counters())
    followers.model_checked.set()

    async def saw(*users):
        return seen == [*users]

    async def noticed():
        return table.heads == [0]

    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(followers.follow_events())
        table.rows = [(7, "ann", "film", "VIEW", 1.0, None)]
        await until(lambda: saw("ann"))
        table.rows, table.heads = [], []
        await until(noticed)
        table.rows = [(1, "ben", "film", "VIEW", 2.0, None)]
        await until(lambda: saw("ann", "ben"))
        following.cancel()
