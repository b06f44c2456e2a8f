"""Experiments, exposures and outcomes in both databases."""

import pytest

from kernel.errors import BadRequest
from services.recommend.events import Action, FeedbackEvent
from services.recommend.experiments.definition import Arm, Experiment, Metric, State
from services.recommend.experiments.records import Draw, Exposure
from services.recommend.store import FeedbackStore

NOW = 1_800_000_000.0
ARMS = (Arm("control"), Arm("new"))


@pytest.fixture
async def store(database_address):
    store = FeedbackStore(database_address)
    await store.open()
    yield store
    await store.close()


async def test_experiments_of_a_layer_share_its_slots_and_run_once(store):
    held = store.experiments
    await held.put("a", Experiment("A", ARMS, share=0.6))
    await held.put("b", Experiment("B", ARMS, share=0.6))
    await held.put("c", Experiment("C", ARMS, layer="pages"))
    first = await held.start("a", NOW)
    assert (first.state, first.first_slot, first.started) == (State.RUNNING, 0, NOW)
    with pytest.raises(BadRequest, match="no such share"):
        await held.start("b", NOW)
    with pytest.raises(BadRequest, match="only a draft"):
        await held.put("a", Experiment("A", ARMS))
    assert (await held.start("c", NOW)).first_slot == 0
    with pytest.raises(BadRequest, match="running"):
        await held.delete("a")
    await held.stop("a", NOW + 5)
    assert (await held.start("b", NOW)).first_slot == 0
    with pytest.raises(BadRequest, match="stopped"):
        await held.start("a", NOW)
    await held.delete("a")
    with pytest.raises(BadRequest, match="no such experiment"):
        await held.find("a")
    salts = {one.salt for one in await held.list_all()}
    assert len(salts) == 2


def seen(user, arm, at=NOW, **more):
    return Exposure("a", user, arm, at, 0.5, "DE", more.get("surface", "home"), more.get("device", "tv"))


def did(user, content, action, at, value=None, seconds=None):
    return FeedbackEvent(user, content, action, value, at, "DE", "", seconds)


async def test_what_viewers_did_in_their_window_is_counted_once(store):
    exposures = [seen("u1", "new"), seen("u2", "new"), seen("u3", "control"), seen("u4", "control", device="phone")]
    late = seen("u5", "new", NOW + 950)
    await store.add_events(
        [
            did("u1", "x", Action.CLICK, NOW + 1), did("u1", "x", Action.CLICK, NOW + 2),
            did("u1", "x", Action.START, NOW + 3), did("u1", "x", Action.WATCH, NOW + 60, 0.95, 50.0),
            did("u1", "y", Action.START, NOW - 1), did("u1", "y", Action.CLICK, NOW + 101),
            did("u3", "x", Action.VIEW, NOW + 5), did("u5", "x", Action.VIEW, NOW + 951),
        ],
        NOW, None, [*exposures, late, exposures[0]],
    )  # fmt: skip
    control, new = await store.experiments.read_results("a", ["control", "new"], 100.0, NOW + 1_000)
    assert (control.exposed, new.exposed) == (2, 3)
    assert (control.samples[Metric.STARTS].viewers, new.samples[Metric.STARTS].viewers) == (2, 2)
    assert new.samples[Metric.CLICKS].total == 1
    assert new.samples[Metric.COMPLETIONS].total == 1
    assert new.samples[Metric.WATCH_TIME].total == 50.0
    assert new.samples[Metric.WATCH_TIME].squares == 2_500.0
    assert control.samples[Metric.STARTS].total == 1
    [phone] = await store.experiments.read_results("a", ["control"], 100.0, NOW + 1_000, device="phone")
    assert phone.exposed == 1


async def test_the_first_exposure_counts_and_viewers_of_two_arms_are_left_out(store):
    await store.add_events([], NOW, None, [seen("u1", "new", NOW + 9), seen("u2", "new")])
    await store.add_events([], NOW, None, [seen("u1", "new", NOW), seen("u2", "control", NOW + 1)])
    await store.add_events([did("u1", "x", Action.VIEW, NOW + 1)], NOW)
    control, new = await store.experiments.read_results("a", ["control", "new"], 100.0, NOW + 1_000)
    assert (control.exposed, new.exposed, new.several) == (0, 2, 1)
    assert new.samples[Metric.STARTS].viewers == 1
    assert new.samples[Metric.STARTS].total == 1


async def test_the_erased_leave_no_exposure_and_no_draw(store):
    draw = Draw("d1", "u1", "x", NOW, 0.125, {"ease": "x"}, "v1")
    await store.add_events([did("u1", "x", Action.CLICK, NOW + 1)], NOW, None, [seen("u1", "new")], [draw, draw])
    assert await store.experiments.read_draws(NOW - 1, NOW + 1, 60.0) == [(0.125, 1.0, {"ease": "x"}, "x")]
    assert any(row.get("arm") == "new" for row in await store.export_person("", ["u1"]))
    await store.erase_person("", ["u1"])
    assert await store.experiments.read_draws(NOW - 1, NOW + 1, 60.0) == []
    assert [one.exposed for one in await store.experiments.read_results("a", ["new"], 1.0, NOW + 9)] == [0]


async def test_titles_that_many_leave_early_come_first(store):
    rows = [did(f"u{n}", "dull", Action.WATCH, NOW, 0.05 if n < 3 else 0.9) for n in range(4)]
    rows += [did(f"u{n}", "good", Action.WATCH, NOW, 0.9) for n in range(4)]
    rows += [did("u1", "rare", Action.WATCH, NOW, 0.01)]
    await store.add_events(rows, NOW)
    found = await store.read_early_exits(0.1, 2, 10, "DE")
    assert [row[:3] for row in found] == [("dull", 4, 3), ("good", 4, 0)]
    assert await store.read_early_exits(0.1, 2, 10, "FR") == []


async def test_numbers_of_erased_events_never_come_again(store):
    await store.add_events([did("u1", "x", Action.VIEW, NOW), did("u2", "x", Action.VIEW, NOW)], NOW)
    last = await store.head()
    await store.erase_person("", ["u2"])
    await store.add_events([did("u3", "x", Action.VIEW, NOW)], NOW)
    assert await store.head() > last
