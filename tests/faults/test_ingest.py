"""The short form of `make faults-ingest`: three films, five kills."""

import pytest

from tests.faults.ingest_run import Run


@pytest.mark.timeout(300)
async def test_no_film_is_lost(tmp_path, tools):
    """Published once, whole and playable, or failed with a reason, whoever was killed."""
    run = Run(tmp_path, tools, films=3, kills=5, seed=7)
    await run.play()
    assert sum(run.killed.values()) >= 3, run.killed
