"""Who saw what, on its way into the event log."""

import msgspec
import pytest

from kernel.errors import StorageFailed
from services.counters import Counters
from services.recommend.experiments.impressions import MAX_WAITING, Impressions
from services.recommend.experiments.records import SEEN, SeenRecord
from tests.doubles.clock import FakeClock


class Log:
    def __init__(self):
        self.records = []
        self.failed = None

    async def append(self, user, country, at, body):
        if self.failed is not None:
            raise self.failed
        self.records.append((user, country, msgspec.json.decode(body)))


def dropped(counters):
    return counters.registry.get_sample_value("matinee_recommend_impressions_total", {"outcome": "dropped"})


def record(arm="new", items=("a",), **more):
    return SeenRecord(SEEN, 1.0, items=items, arms=(("x", arm, 0.5),), **more)


async def test_the_same_list_is_written_once_in_a_while():
    log, clock = Log(), FakeClock()
    impressions = Impressions(log, clock, Counters())
    for _ in range(3):
        impressions.note("u", "DE", record())
    impressions.note("u", "DE", record(items=("b",)))
    impressions.note("u", "DE", record(draw=("d", "a", 0.1, {})))
    await impressions.write_some()
    assert [one[2]["items"] for one in log.records] == [["a"], ["b"], ["a"]]
    await clock.advance(3_600)
    impressions.note("u", None, record())
    await impressions.write_some()
    assert log.records[3][:2] == ("u", "")


async def test_what_the_log_refuses_is_counted_and_lists_go_on():
    log, counters = Log(), Counters()
    impressions = Impressions(log, FakeClock(), counters)
    log.failed = StorageFailed("full")
    impressions.note("u", "DE", record())
    await impressions.write_some()
    assert dropped(counters) == 1
    log.failed = OSError("a bug")
    impressions.note("u", "DE", record("other"))
    with pytest.raises(OSError, match="a bug"):
        await impressions.write_some()


async def test_no_more_waits_than_is_bounded():
    counters = Counters()
    impressions = Impressions(Log(), FakeClock(), counters)
    for number in range(MAX_WAITING + 5):
        impressions.note(f"u{number}", "DE", record())
    assert dropped(counters) == 5
    Impressions(None, FakeClock(), counters).note("u", "DE", record())


async def test_lists_without_an_experiment_are_recorded_for_a_share_of_the_viewers():
    log = Log()
    impressions = Impressions(log, FakeClock(), Counters(), 0.1)
    for number in range(400):
        impressions.note(f"u{number}", "DE", SeenRecord(SEEN, 1.0, items=("a",)))
    impressions.note("u0", "DE", record())
    await impressions.write_some()
    plain = [one for one in log.records if "arms" not in one[2]]
    assert 20 <= len(plain) <= 65
    assert len(log.records) == len(plain) + 1


async def test_what_waits_of_an_erased_person_is_not_written():
    log = Log()
    impressions = Impressions(log, FakeClock(), Counters())
    for user in ("ann", "bob"):
        impressions.note(user, "DE", record())
    assert [one["items"] for one in await impressions.export_person("account", ["ann"])] == [("a",)]
    await impressions.erase_person("account", ["ann"])
    await impressions.write_some()
    assert [user for user, *_ in log.records] == ["bob"]
