"""`matinee replay TRACE`: replay a trace of requests through the edge's cache, and print its miss ratios.

TRACE is a file, packed by gzip or not, with a line `time,obj_id,obj_size` for each request (a header is optional). The
requests go one after another through the edge's own cache code, which starts empty: a hit is one from RAM or disk,
anything else is a miss. Nothing expires, and an object keeps the size it was stored with.

As on an edge, each object counts its size, its id and 600 bytes against the budgets (`cache.entry.OVERHEAD`), objects
too large for a tier stay out of it, and `disk_bytes_written` counts the same sum for each object written. `bytes` and
the ratios count bodies alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from cache.eviction.choice import S3FifoTuning
from kernel.errors import MatineeError
from kernel.settings.table import INTEGER, NUMBER, SIZE, choice, setting
from services.import_file import BadLines, open_import_file
from tools.replay.cache import Replay
from tools.replay.trace import LineError, read_trace

SHOW_EVERY = 20_000
"""Requests between two updates of the progress bar."""


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """`matinee replay TRACE`."""

    ram: int = setting(SIZE, "512MiB", "Budget of the RAM tier.", least=1)
    disk: int = setting(SIZE, "0", "Budget of the disk tier; 0: no disk tier.")
    policy: str = setting(choice("s3fifo", "lru"), "s3fifo", "Which object a full tier evicts.")
    small_share: float = setting(
        NUMBER,
        "0.1",
        "Share of a tier for S3-FIFO's small queue, which holds objects requested once.",
        least=0.01,
        most=0.9,
    )
    promote_after: int = setting(
        INTEGER, "1", "Requests after the first until S3-FIFO moves an object to its main queue.", least=1, most=3
    )
    admission: str = setting(
        choice("always", "second"),
        "second",
        "Whether an object is written to disk when it is first fetched (always) or fetched again (second).",
    )


SETTINGS = ReplaySettings


def run(settings: ReplaySettings, trace: str) -> int:
    """Replay TRACE and print the figures as JSON. Returns 1 if any line was invalid; the valid ones are replayed."""
    tuning = S3FifoTuning(settings.small_share, settings.promote_after)
    replay = Replay(settings.ram, settings.disk, settings.policy, settings.admission, tuning)
    with open_import_file(trace) as source:
        faults, request, since = BadLines(source), replay.request, 0
        for found in read_trace(source.stream):
            if isinstance(found, LineError):
                faults.report(found.line, found)
                continue
            request(*found)
            since += 1
            if since == SHOW_EVERY:
                since = 0
                source.show_progress(f"{replay.tally.requests:,} requests")
        if faults.count:
            source.print_line(f"skipped {faults.count} invalid lines")
    if not replay.tally.requests:
        raise MatineeError(f"{trace}: contains no requests")
    print(json.dumps(report(replay), indent=2))
    return 1 if faults.count else 0


def report(replay: Replay) -> dict[str, int | float]:
    """The figures by name; miss ratios are shares of all requests, or of all bytes."""
    tally = replay.tally
    return {
        "requests": tally.requests,
        "bytes": tally.bytes,
        "object_miss": round(tally.missed / tally.requests, 6),
        "byte_miss": round(tally.bytes_missed / max(tally.bytes, 1), 6),
        "ram_hits": tally.ram_hits,
        "disk_hits": tally.disk_hits,
        "disk_bytes_written": replay.disk_bytes_written,
    }
