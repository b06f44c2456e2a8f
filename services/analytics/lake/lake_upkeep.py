"""Retention, and what the lake holds of a person: found by their sessions, exported, and erased file by file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from kernel.errors import StorageFailed
from services.analytics.lake.lake_files import VIEWS, LakeFile, end_of, parse_key
from services.analytics.lake.lake_store import LakeStore
from services.analytics.lake.parquet_rows import decode_parquet, encode_parquet

MAX_EXPORTED = 100_000


def list_files(lake: LakeStore) -> list[LakeFile]:
    """All files of the lake. Raises StorageFailed."""
    return [file for file in map(parse_key, lake.list()) if file is not None]


def delete_before(lake: LakeStore, moment: float, *, views: bool) -> int:
    """Delete the files of hours that were over before a moment (Unix seconds): those of views, or all others; how
    many. Raises StorageFailed."""
    old = [
        file.key
        for file in list_files(lake)
        if (file.partition.kind == VIEWS) is views and end_of(file.partition) <= moment
    ]
    lake.delete(old)
    return len(old)


def find_sessions(lake: LakeStore, subjects: frozenset[str]) -> frozenset[str]:
    """The sessions of profiles, by what the playback service wrote. Raises StorageFailed."""
    found: set[str] = set()
    for file in list_files(lake):
        if file.partition.kind == "playback":
            table = _read(lake, file)
            theirs = table.filter(_is_in(table["subject"], subjects))
            found.update(session for session in theirs["session"].to_pylist() if session)
    return frozenset(found)


def export_rows(lake: LakeStore, subjects: frozenset[str], sessions: frozenset[str]) -> list[dict[str, Any]]:
    """The person's views and events, at most MAX_EXPORTED. Raises StorageFailed."""
    rows: list[dict[str, Any]] = []
    for file in list_files(lake):
        table = _read(lake, file)
        theirs = table.filter(_is_theirs(table, subjects, sessions))
        rows += [{"kind": file.partition.kind} | row for row in theirs.to_pylist()]
        if len(rows) >= MAX_EXPORTED:
            break
    return rows[:MAX_EXPORTED]


def erase_rows(lake: LakeStore, subjects: frozenset[str], sessions: frozenset[str]) -> int:
    """Replace each file that holds something of the person by one that does not; how many. May be called again.

    Raises StorageFailed. Files that a merged one spans are read too: they still lie there.
    """
    changed = 0
    for file in list_files(lake):
        table = _read(lake, file)
        theirs = _is_theirs(table, subjects, sessions)
        if not pc.any(theirs).as_py():
            continue
        # An empty file stays: without it, one that it spans would count again.
        lake.put(file.key, encode_parquet(table.filter(pc.invert(theirs))))
        changed += 1
    return changed


def _read(lake: LakeStore, file: LakeFile) -> pa.Table:
    try:
        return decode_parquet(lake.get(file.key))
    except pa.ArrowException as error:
        raise StorageFailed(f"{lake.name}: {file.key} is damaged: {error}") from error


def _is_theirs(table: pa.Table, subjects: Iterable[str], sessions: Iterable[str]) -> Any:
    theirs = _is_in(table["session"], sessions)
    return pc.or_(theirs, _is_in(table["subject"], subjects)) if "subject" in table.column_names else theirs


def _is_in(column: Any, values: Iterable[str]) -> Any:
    chosen: Sequence[str] = [value for value in values if value]
    return pc.is_in(column, value_set=pa.array(chosen, pa.string()))
