"""The short form of `make faults-ingest`: two films, a kill of each kind."""

import pytest

from tests.faults.ingest_run import Run


@pytest.mark.timeout(300)
async def test_no_film_is_lost(tmp_path, tools):
    """Published once, whole and playable, or failed with a reason, whatever was killed."""
    run = Run(tmp_path, tools, films=2, kills=4, seed=7, seconds=6.0, pause=(0.0, 0.3))
    await run.play()
    assert not run.faults, "\n".join([*run.faults, *run.log, run.tail()])
    assert run.killed == dict.fromkeys(run.killed, 1), f"killed {run.killed}, missed {run.missed}"
    assert run.ends["FAILED"] == 1, run.log
