"""`matinee analytics compact` on a log that nobody follows."""

import pytest

from kernel.errors import StorageFailed
from kernel.settings.table import resolve
from services import compact_command
from services.compact_command import CompactSettings


def settings(tmp_path):
    return resolve(CompactSettings, flags={"data": [str(tmp_path / "data")]})


async def test_the_log_is_written_to_the_lake_once(start, tmp_path, capsys):
    place = await start(only="events")
    await place.post("/events", [{"type": "hover", "at": number} for number in range(5)])
    assert compact_command.run(settings(tmp_path)) == 0
    assert compact_command.run(settings(tmp_path)) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ["5 events are in the lake", "0 events are in the lake"]
    assert len(list((tmp_path / "data" / "lake").rglob("*.parquet"))) == 1


async def test_services_that_run_analytics_do_it_themselves(start, tmp_path):
    place = await start(only="events,analytics")
    await place.get("/analytics/qoe")
    with pytest.raises(StorageFailed, match="another compactor"):
        compact_command.run(settings(tmp_path))
