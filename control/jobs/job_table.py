"""The job log in control's database: entries, receipts, notes on late shields. Statements only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

from sqlalchemy import case, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from control.audit.entry import storable_text
from control.db.schema import facts, heads, jobs, receipts
from control.db.transaction import Tx, upsert
from control.jobs.dispatch import ArrivedReceipt
from control.jobs.log import MAX_ENTRIES, LogEntry, merged_contents
from control.jobs.status import ACTIVE, COMPLETE, ENDED, FAILED
from kernel.fleet.messages import DONE, PREFETCH, PURGE, Job

EPOCH = "epoch-jobs"
FLOOR = "floor-jobs"
MAX_ROWS = 100_000
"""Jobs kept for `GET /v1/jobs`."""
MAX_NAMES = 5_000
"""Names in one job."""
_MOST = 2**63 - 1


class LogStart(NamedTuple):
    """Where a log starts: entries up to `floor` are no longer sent."""

    epoch: str
    floor: int


_LOG = heads.c.kind == "log/jobs"
facts_query = select(facts.c.name, facts.c.value).where(facts.c.name.in_((EPOCH, FLOOR)))
head_query = select(heads.c.number).where(_LOG)


def log_start(rows: Iterable[Mapping[str, Any]], head: int) -> LogStart | None:
    """Where the log starts; None while it has no epoch yet."""
    known = {row["name"]: row["value"] for row in rows}
    if EPOCH not in known:
        return None
    return LogStart(known[EPOCH], max(int(known.get(FLOOR, 0)), head - MAX_ENTRIES))


async def start_epoch(tx: Tx, seen: str) -> None:
    """Start a new epoch after the present head, unless another replica has already."""
    query = select(facts.c.value).where(facts.c.name == EPOCH)
    if ((await tx.connection.execute(query)).scalar() or "") != seen:
        return
    head = (await tx.connection.execute(head_query)).scalar() or 0
    rows = [{"name": EPOCH, "value": uuid4().hex}, {"name": FLOOR, "value": str(head)}]
    await upsert(tx.connection, facts, rows)
    tx.announce("jobs")


def entries_query(after: int) -> Any:
    """The entries after a number, in order."""
    named = (jobs.c.seq, jobs.c.kind, jobs.c.content, jobs.c.at, jobs.c.note)
    return select(*named).where(jobs.c.seq > after).order_by(jobs.c.seq).limit(MAX_ENTRIES)


def entry_from_row(row: Mapping[str, Any]) -> LogEntry:
    """The entry of a row."""
    refers = json.loads(row["note"] or "{}").get("refers", ())
    return LogEntry(Job(row["seq"], row["kind"], row["content"]), row["at"], tuple(refers))


def late_shields(row: Mapping[str, Any]) -> list[str]:
    """The shields recorded as late for which edges have not been sent the job again."""
    note = json.loads(row["note"] or "{}")
    return [name for name in note.get("late", ()) if name not in note.get("again", {})]


async def append(tx: Tx, kind: str, content: bytes, refers: Sequence[int] = ()) -> LogEntry:
    """Append an entry by the transaction's author."""
    seq = await tx.next("jobs")
    author = tx.author
    note = json.dumps({"refers": list(refers)}) if refers else ""
    row = {"seq": seq, "kind": kind, "content": content, "author": storable_text(author.name, 200), "note": note}
    row |= {"reason": storable_text(author.reason, 1_000), "at": author.at, "state": ACTIVE, "changed": author.at}
    await tx.connection.execute(jobs.insert().values(row))
    tx.announce("jobs")
    return LogEntry(Job(seq, kind, content), author.at, tuple(refers))


async def _notes(tx: Tx, seqs: Iterable[int]) -> dict[int, Mapping[str, Any]]:
    found = await tx.connection.execute(select(jobs).where(jobs.c.seq.in_(list(seqs))).order_by(jobs.c.seq))
    return {row["seq"]: dict(row) for row in found.mappings()}


async def _note(tx: Tx, seq: int, note: Mapping[str, Any]) -> None:
    values = {"note": json.dumps(note), "changed": tx.author.at}
    await tx.connection.execute(update(jobs).where(jobs.c.seq == seq).values(values))


async def record_late(tx: Tx, late: Mapping[int, Iterable[str]]) -> None:
    """Record the shields that are late with jobs, by job."""
    for seq, row in (await _notes(tx, late)).items():
        note = json.loads(row["note"] or "{}")
        await _note(tx, seq, note | {"late": sorted({*note.get("late", ()), *late[seq]})})


async def append_repeats(tx: Tx, again: Mapping[int, Iterable[str]]) -> list[LogEntry]:
    """Append the purges that edges must repeat because these shields caught up; none if another replica has."""
    rows = await _notes(tx, again)
    notes = {seq: json.loads(row["note"] or "{}") for seq, row in rows.items()}
    missed = {seq: [one for one in again[seq] if one not in note.get("again", {})] for seq, note in notes.items()}
    left = {seq: shields for seq, shields in missed.items() if shields}
    if not left:
        return []
    contents = merged_contents((entry_from_row(rows[seq]) for seq in left), MAX_NAMES)
    made = [await append(tx, PURGE, content, sorted(left)) for content in contents]
    for seq, shields in left.items():
        told = notes[seq].get("again", {}) | dict.fromkeys(shields, made[-1].job.seq)
        await _note(tx, seq, notes[seq] | {"again": told})
    return made


async def save_receipts(connection: AsyncConnection, arrived: Iterable[ArrivedReceipt]) -> None:
    """Insert receipts, replacing earlier ones of the same node and job."""
    rows = {
        (one.receipt.job.number, one.edge): {
            "seq": one.receipt.job.number,
            "edge": one.edge,
            "at": one.at,
            "count": min(one.receipt.count, _MOST),
            "bytes": min(one.receipt.bytes, _MOST),
            "status": storable_text(one.receipt.status, 1_000),
        }
        for one in arrived
        if one.receipt.job.number > 0
    }
    await upsert(connection, receipts, [rows[at] for at in sorted(rows)])


async def finish_purges(connection: AsyncConnection, upto: int, now: float) -> None:
    """End the purges up to this one, which every node has done."""
    of_it = receipts.c.seq == jobs.c.seq
    failed = exists(select(receipts.c.seq).where(of_it & (receipts.c.status != DONE)))
    last = select(func.max(receipts.c.at)).where(of_it).scalar_subquery()
    done = (jobs.c.seq <= upto) & (jobs.c.kind == PURGE) & jobs.c.state.not_in(ENDED)
    state = case((failed, FAILED), else_=COMPLETE)
    await connection.execute(update(jobs).where(done).values(state=state, ended=func.coalesce(last, now), changed=now))


async def finish_prefetches(connection: AsyncConnection, nodes: int, now: float, longest: float) -> None:
    """End the prefetches that every node has answered, or that are older than `longest` seconds."""
    of_it = receipts.c.seq == jobs.c.seq
    answered = select(func.count()).select_from(receipts).where(of_it).scalar_subquery()
    failed = exists(select(receipts.c.seq).where(of_it & (receipts.c.status != DONE)))
    done = (jobs.c.kind == PREFETCH) & jobs.c.state.not_in(ENDED) & ((answered >= nodes) | (jobs.c.at < now - longest))
    state = case((failed | (answered < nodes), FAILED), else_=COMPLETE)
    await connection.execute(update(jobs).where(done).values(state=state, ended=now, changed=now))


async def delete_old(tx: Tx) -> None:
    """Delete all but the latest MAX_ROWS jobs and their receipts."""
    head = (await tx.connection.execute(head_query)).scalar() or 0
    await tx.connection.execute(delete(receipts).where(receipts.c.seq <= head - MAX_ROWS))
    await tx.connection.execute(delete(jobs).where(jobs.c.seq <= head - MAX_ROWS))
