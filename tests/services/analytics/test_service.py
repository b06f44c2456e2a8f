"""Following the log: what a step does, when the lake is away, and a person who asks to be forgotten."""

import pytest

from kernel.errors import StorageFailed
from services.analytics.lake.compactor import Compactor
from services.analytics.lake.lake_store import FolderLake
from services.analytics.lake.lake_upkeep import list_files
from services.analytics.service import Analytics
from services.analytics.views.view_book import ViewBook
from tests.doubles.clock import FakeClock
from tests.services.analytics.conftest import T, cmcd_film, cmcd_line


class AwayLake(FolderLake):
    away = False

    def put(self, key, data):
        if self.away:
            raise StorageFailed("the lake is away")
        super().put(key, data)


@pytest.fixture
def lake(tmp_path):
    return AwayLake(tmp_path / "lake")


@pytest.fixture
def compactor(lake, memory_log, tmp_path):
    return Compactor(tmp_path / "state", memory_log, lake, ViewBook("eu"))


@pytest.fixture
def made(lake, compactor):
    clock = FakeClock(T)
    grown = []
    analytics = Analytics(compactor, lake, clock, 300.0, lambda *one: grown.append(one))
    compactor.open()
    yield analytics, clock, grown
    compactor.close()


async def test_a_step_reads_looks_and_flushes_when_it_is_time(made, memory_log, lake):
    analytics, clock, grown = made
    await analytics.step()  # the first flush is due at once and writes nothing
    memory_log.append("cmcd", cmcd_film("s"), at=61)
    clock.now += 70
    assert await analytics.step() == 1
    assert list_files(lake) == []
    assert grown[-1][0]["eu"].starts == 1
    clock.now += 300
    await analytics.step()
    assert {one.partition.kind for one in list_files(lake)} == {"cmcd"}
    assert (await analytics.sessions(T - 1, T + 999, {}, 10))[0]["session"] == "s"


async def test_a_view_that_closes_in_a_flush_counts_in_the_live_quality(made, memory_log):
    analytics, clock, _ = made
    start = clock.now
    await analytics.step()  # flushes; the next flush is due in 300 seconds, and so on
    waiting = (cmcd_line("s", second, second, sta="s") for second in range(6))
    memory_log.append("cmcd", "\n".join(waiting).encode(), at=6)
    # The second step looks before the view is silent for too long; the flush of the third closes it.
    for seconds in (1506, 1805.5, 1806.5):
        clock.now = start + seconds
        await analytics.step()
    assert [row["exitsBeforeStart"] for row in analytics.live.report("title", 60, clock.wall())] == [1]


async def test_what_was_read_while_the_lake_was_away_is_written_when_it_is_back(made, memory_log, lake):
    analytics, clock, _ = made
    memory_log.append("cmcd", cmcd_film("s"), at=61)
    lake.away = True
    with pytest.raises(StorageFailed):
        await analytics.flush()
    memory_log.append("cmcd", cmcd_film("t"), at=62)
    lake.away = False
    clock.now += 9000
    assert await analytics.flush() == 10
    assert memory_log.acknowledged == memory_log.records[-1].end
    assert [row["views"] for row in await analytics.quality(["region"], T - 1, T + 1, {})] == [2]


async def test_a_view_that_is_flushed_while_a_report_is_made_counts_once(made, memory_log, lake, compactor):
    analytics, clock, _ = made
    memory_log.append("cmcd", cmcd_film("s"), at=61)
    clock.now += 9000
    lake.open_for = lambda _: compactor.flush(clock.wall())
    assert [row["views"] for row in await analytics.quality(["region"], T - 1, T + 1, {})] == [1]
    assert {one.partition.kind for one in list_files(lake)} == {"cmcd", "views"}


async def test_a_person_is_forgotten_in_memory_checkpoint_and_lake(made, memory_log, lake, tmp_path):
    analytics, _, _ = made
    started = b'{"event":"start","sessionId":"s","contentId":"film"}'
    memory_log.append("playback", started, subject="ann", sessions=("s",))
    memory_log.append("cmcd", cmcd_film("s"), at=61)
    await analytics.flush()
    memory_log.append("cmcd", cmcd_film("s", 3000), at=3061)
    await analytics.step()
    assert len(await analytics.export_person("account", ["ann"])) == 11
    await analytics.erase_person("account", ["ann"])
    await analytics.erase_person("account", ["ann"])
    assert await analytics.export_person("account", ["ann"]) == []
    assert await analytics.sessions(T - 1, T + 9999, {}, 10) == []
    assert all(b'sid="s"' not in path.read_bytes() for path in (tmp_path / "state").iterdir())


async def test_events_and_views_have_their_own_retention(made, memory_log, lake):
    analytics, clock, _ = made
    memory_log.append("cmcd", cmcd_film("s"), at=61)
    clock.now += 9000
    await analytics.flush()
    assert await analytics.delete_views_before(T) == 0
    assert await analytics.delete_events_before(T + 3600) == 1
    assert [one.partition.kind for one in list_files(lake)] == ["views"]
