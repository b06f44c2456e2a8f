"""The short form of `make faults-analytics`: two kills."""

import pytest

from tests.faults.analytics_run import AnalyticsRun


@pytest.mark.timeout(300)
async def test_each_acknowledged_event_is_in_the_lake_once(tmp_path):
    run = AnalyticsRun(tmp_path / "data", kills=2, seed=5)
    await run.play()
    assert not run.faults, "\n".join([*run.faults, *run.log])
