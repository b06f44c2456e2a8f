"""`python -m tools.bench.rollup`: a day's quality by region and title from view rows, timed (`--views 1000000`)."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from services.analytics.lake.duckdb_reader import DuckdbReader
from services.analytics.lake.lake_files import VIEWS, LakeFile, partition_at
from services.analytics.lake.lake_store import FolderLake
from services.analytics.lake.lake_upkeep import list_files
from services.analytics.lake.parquet_rows import VIEW_SCHEMA, encode_parquet

T = 1_800_000_000
FILES = 24


def main() -> None:
    """Make a day of views in a folder that is deleted afterwards, and report it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--views", type=int, default=1_000_000, help="about 100 events each")
    views = parser.parse_args().views
    with tempfile.TemporaryDirectory(prefix="matinee-rollup-") as folder:
        lake, size = FolderLake(Path(folder)), 0
        for hour in range(FILES):
            data = encode_parquet(made(views // FILES, hour))
            size += len(data)
            lake.put(LakeFile(partition_at(T + hour * 3600, VIEWS), "log-bench", hour, hour + 1).key, data)
        started, before = time.perf_counter(), time.process_time()
        rows = DuckdbReader(lake, list_files(lake)).quality(["region", "title"], T, T + 86_400, [], {})
        spent, cpu = time.perf_counter() - started, time.process_time() - before
    print(f"{views:,} views, {size / views:.0f} B each: {len(rows)} rows in {spent:.2f} s ({cpu:.2f} s of CPU),"
          f" load {os.getloadavg()[0]:.1f}")  # fmt: skip


def made(count: int, hour: int) -> pa.Table:
    """View rows of one hour."""
    draw = np.random.default_rng(hour)
    columns: dict[str, object] = {name: np.zeros(count, np.int64) for name in VIEW_SCHEMA.names}
    columns |= {name: np.full(count, "") for name in VIEW_SCHEMA.names if VIEW_SCHEMA.field(name).type == pa.string()}
    columns["session"] = [f"{hour:02}-{number:012x}" for number in range(count)]
    columns["content_id"] = np.char.add("title-", draw.zipf(1.3, count).clip(max=2000).astype(str))
    columns["region"] = draw.choice(["eu", "us", "asia"], count)
    columns["outcome"] = draw.choice(["played", "played", "played", "exit-before-start", "start-failure"], count)
    columns["started_ms"] = (T + hour * 3600 + draw.integers(0, 3600, count)) * 1000
    for name, most in (("startup_ms", 4000), ("played_ms", 5_400_000), ("stalled_ms", 9000), ("rated_ms", 5_400_000)):
        columns[name] = draw.integers(0, most, count)
    columns["kilobits"] = draw.random(count) * 1e7
    return pa.table([pa.array(columns[one.name], one.type) for one in VIEW_SCHEMA], schema=VIEW_SCHEMA)


if __name__ == "__main__":
    main()
