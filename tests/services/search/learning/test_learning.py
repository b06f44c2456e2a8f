"""What search has learnt is in use soon, and after a restart."""

import pytest

from services.search.learning.learning import MAX_COUNTED, Learning
from services.search.learning.store import LearningStore
from system.database.engine import read_address
from tests.doubles.clock import FakeClock


@pytest.fixture
async def store(tmp_path):
    made = LearningStore(read_address(None, tmp_path / "search.sqlite3", None))
    await made.open()
    yield made
    await made.close()


async def test_clicks_lift_after_a_reload_and_change_the_version(store):
    learning = Learning(store, FakeClock())
    await learning.reload()
    before = learning.version
    for viewer in range(4):
        await learning.remember_click("Stár ", "a", f"v{viewer}", "DE")
    await learning.reload()
    assert learning.lifts("star")["a"] > 0
    assert learning.version > before
    assert learning.trending("DE")["a"] > 0
    again = Learning(store, FakeClock())
    await again.reload()
    assert again.lifts("star") == learning.lifts("star")


async def test_pins_and_synonyms_are_in_use_at_once(store):
    learning = Learning(store, FakeClock())
    await learning.set_pins("Star", ["b", "a"])
    await learning.set_synonyms([("SF", "Sci-Fi")])
    assert learning.pins("star") == ("b", "a")
    assert learning.synonyms["sf"] == ("sci fi",)


async def test_queries_without_results_are_listed_and_bounded(store):
    learning = Learning(store, FakeClock())
    for number in range(MAX_COUNTED + 5):
        learning.count_empty(f"q{number}")
    learning.count_empty("q1")
    found = await learning.read_empty(2000)
    assert len(found) == MAX_COUNTED
    assert found[0][:2] == ("q1", 2)
