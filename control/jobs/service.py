"""Purges and prefetches: appends jobs to the log in the database, stores receipts, answers with a job's status.

`control.jobs.dispatch` makes the decisions, in memory; this module reads and writes the database. Replicas of control
share the log: each sends jobs to the edges connected to it, and any of them can answer for a job's status.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from control.audit.entry import Action, AuditEntry
from control.db.schema import jobs, receipts
from control.db.store import Author, Store, Tx
from control.fleet.fanout import Fanout
from control.jobs import job_table
from control.jobs.dispatch import ArrivedReceipt, Dispatch, PendingWrites
from control.jobs.log import LogEntry
from control.jobs.status import JobNode, ReceivedReceipt, audit_value, job_json
from httpd.rate_limiter import RateLimiter
from kernel.clock import Clock
from kernel.errors import Overloaded, StorageFailed
from kernel.fleet.jobs import Prefetch, Purge, content_of
from kernel.fleet.messages import PREFETCH, PURGE, Version

STORE_EVERY = 0.1
"""Seconds between two writes of receipts."""
RETRY_AFTER = 1.0
"""Seconds before a failed write is retried."""
MAX_PREFETCH_SECONDS = 86_400.0
"""Seconds after which a prefetch ends even if receipts are missing."""
MAX_WAIT_SECONDS = 30.0
"""Seconds that a caller may wait for a job's end."""

log = structlog.get_logger("control")


class JobService:
    """Call `start`, then `run` as one task. `rate` limits how often an API key may purge or prefetch."""

    def __init__(self, store: Store, fanout: Fanout, clock: Clock) -> None:
        self.rate = RateLimiter(20.0, 200.0)
        self.dispatch = Dispatch(fanout, clock, self._wake_up)
        self.appended = {PURGE: 0, PREFETCH: 0}
        """Jobs appended by this replica since its start."""
        self._store = store
        self._clock = clock
        self._wake = asyncio.Event()
        self._newer = self._elsewhere = False
        self._kept_at = -STORE_EVERY
        self.finished_upto = 0
        """Jobs up to this number have ended and are stored as ended."""
        self._waiters: list[tuple[int, asyncio.Event]] = []
        if store.database.listen is not None:  # without replicas nobody else appends
            store.on_change("jobs", partial(self._note, "_newer"))
        store.on_change("receipts", partial(self._note, "_elsewhere"))

    def _wake_up(self) -> None:
        self._wake.set()

    def _note(self, what: str) -> None:
        setattr(self, what, True)
        self._wake.set()

    # -- verbs -------------------------------------------------------------------------------------------------

    async def purge(self, purge: Purge, author: Author) -> int:
        """Append a purge; its number, once it is durable. Raises Overloaded, StorageFailed."""
        return await self._append(PURGE, content_of(purge), author)

    async def prefetch(self, prefetch: Prefetch, author: Author) -> int:
        """Append a prefetch, as `purge`."""
        return await self._append(PREFETCH, content_of(prefetch), author)

    async def _append(self, kind: str, content: bytes, author: Author) -> int:
        action = Action.PURGE_MAKE if kind == PURGE else Action.PREFETCH_MAKE

        async def work(tx: Tx) -> LogEntry:
            made = await job_table.append(tx, kind, content)
            tx.add_audit_entry(AuditEntry(action, f"job/{made.job.seq}", None, audit_value(content)))
            return made

        entry: LogEntry = await self._store.transact(work, author)
        self.appended[kind] += 1
        self.dispatch.add_entries([entry])
        if self.dispatch.log.head < entry.job.seq:  # other replicas appended in between
            self._note("_newer")
        return entry.job.seq

    async def status(self, seq: int) -> dict[str, Any] | None:
        """A job with its receipts; None if there is no job with that number. Raises StorageFailed."""
        rows = await self._store.read(select(jobs).where(jobs.c.seq == seq))
        if not rows:
            return None
        # Read them before and after the query: in between some are stored and others arrive.
        pending = self.dispatch.unstored_receipts(seq)
        found = await self._store.read(select(receipts).where(receipts.c.seq == seq))
        came = {
            one["edge"]: ReceivedReceipt(one["edge"], one["at"], one["count"], one["bytes"], one["status"])
            for one in found
        }
        came |= {one.edge: _came(one) for one in (*pending, *self.dispatch.unstored_receipts(seq))}
        return job_json(rows[0], list(came.values()), self._nodes(seq, rows[0]["kind"], came))

    def _nodes(self, seq: int, kind: str, came: dict[str, ReceivedReceipt]) -> list[JobNode]:
        """Every node, and whether it is done: a purge by any later purge, a prefetch only by its own receipt."""
        holds = self.dispatch.has_purged
        return [
            JobNode(
                one.hello.id,
                one.hello.role,
                one.connected,
                one.last_seen,
                one.hello.id in came or (kind == PURGE and holds(one, seq)),
            )
            for one in self.dispatch.nodes()
        ]

    async def page(self, before: int | None, most: int) -> Sequence[Mapping[str, Any]]:
        """Rows of jobs, the latest first, those before a number. Raises StorageFailed."""
        query = select(jobs).order_by(jobs.c.seq.desc()).limit(most)
        return await self._store.read(query if before is None else query.where(jobs.c.seq < before))

    async def states(self) -> dict[tuple[str, str], int]:
        """The number of jobs by (kind, state)."""
        counted = select(jobs.c.kind, jobs.c.state, func.count().label("jobs")).group_by(jobs.c.kind, jobs.c.state)
        return {(row["kind"], row["state"]): row["jobs"] for row in await self._store.read(counted)}

    async def wait_until_done(self, seq: int, seconds: float) -> None:
        """Wait until every connected node has done the purges up to this one, at most `seconds` (MAX_SECONDS)."""
        over = asyncio.Event()
        timer = self._clock.call_later(min(seconds, MAX_WAIT_SECONDS), over.set)
        waiter = (seq, over)
        self._waiters.append(waiter)
        try:
            self._release_waiters()
            await over.wait()
        finally:
            self._waiters.remove(waiter)
            timer.cancel()

    def _release_waiters(self) -> None:
        if self._waiters:
            upto = self.dispatch.done_upto(connected=True)
            for seq, over in self._waiters:
                if seq <= upto:
                    over.set()

    # -- the database ------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Load the log, or create it. Raises Overloaded, StorageFailed."""
        if not await self._load():
            await self._renew("")

    async def _load(self) -> bool:
        """Load new entries, or all of them when the log has a new epoch; False when there is no log yet."""
        head = await self._store.read(job_table.head_query)
        begin = job_table.log_start(await self._store.read(job_table.facts_query), head[0]["number"] if head else 0)
        if begin is None:
            return False
        if begin.epoch != self.dispatch.log.epoch:
            self.dispatch.restart_log(begin.epoch, begin.floor)
            self.finished_upto = 0
        rows = await self._store.read(job_table.entries_query(self.dispatch.log.head))
        self.dispatch.gate.record_late({row["seq"]: job_table.late_shields(row) for row in rows if row["note"]})
        self.dispatch.add_entries(job_table.entry_from_row(row) for row in rows)
        return True

    async def _renew(self, seen: str) -> None:
        await self._store.transact(
            lambda tx: job_table.start_epoch(tx, seen), self._author("the job log is started", Action.JOBS_BEGIN)
        )
        await self._load()

    async def run(self) -> None:
        """Store receipts, late shields and repeated purges as they come, for ever."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                due = self.dispatch.take_due()
                try:
                    await self._store_due(due)
                except (StorageFailed, Overloaded):  # the store has logged it
                    self.dispatch.return_receipts(due.receipts)
                    self.dispatch.advance_gate()
                    self._newer = True
                    self._clock.call_later(RETRY_AFTER, self._wake.set)
                self._release_waiters()
        finally:
            self.dispatch.stop()

    async def _store_due(self, due: PendingWrites) -> None:
        if self._newer or due.ahead:
            self._newer = False
            await self._load()
        if due.ahead:
            await self._quarantine_ahead()
        if due.late:
            await self._store.transact(partial(_name_late, due.late), self._author("a shield is late with a purge"))
            log.warning("shields-late", late=due.late)
            self.dispatch.gate.record_late(due.late)
            self.dispatch.advance_gate()
        if due.resend:
            again = partial(job_table.append_repeats, again=due.resend)
            entries = await self._store.transact(
                again, self._author(f"shields were late with {_listed(due.resend)}", Action.PURGE_AGAIN)
            )
            self.dispatch.gate.mark_resent(due.resend)
            self.dispatch.add_entries(entries)
        if self._elsewhere:
            self._elsewhere = False
            await self._load_shield_marks()
        await self._store_receipts(due)

    async def _store_receipts(self, due: PendingWrites) -> None:
        """Store receipts and finish ended jobs, at most once in KEEP_EVERY seconds."""
        upto, now = due.done, self._clock.mono()
        if not due.receipts and upto <= self.finished_upto:
            return
        if now < self._kept_at + STORE_EVERY:
            self.dispatch.return_receipts(due.receipts)
            self._clock.call_later(self._kept_at + STORE_EVERY - now, self._wake.set)
            return
        self._kept_at = now
        wall, nodes = self._clock.wall(), len(self.dispatch.nodes())
        has_prefetch = any(self._is_prefetch(one) for one in due.receipts)

        async def work(connection: AsyncConnection) -> None:
            await job_table.save_receipts(connection, due.receipts)
            if upto > self.finished_upto:
                await job_table.finish_purges(connection, upto, wall)
            if has_prefetch:
                await job_table.finish_prefetches(connection, nodes, wall, MAX_PREFETCH_SECONDS)

        await self._store.save(work, ["receipts"] if due.receipts else [])
        self.dispatch.being_stored = []
        self.finished_upto = upto

    def _is_prefetch(self, one: ArrivedReceipt) -> bool:
        entry = self.dispatch.log.get(one.receipt.job.number)
        return entry is not None and entry.job.kind == PREFETCH

    async def _load_shield_marks(self) -> None:
        """Advance the marks of shields connected to other replicas, from their stored receipts."""
        fanout, epoch = self.dispatch.fanout, self.dispatch.log.epoch
        names = [one.id for one in self.dispatch.shields() if one.id not in fanout.connected_here]
        if not names:
            return
        query = select(receipts.c.edge, func.max(receipts.c.seq).label("seq")).join(jobs, jobs.c.seq == receipts.c.seq)
        query = query.where(receipts.c.edge.in_(names) & (jobs.c.kind == PURGE)).group_by(receipts.c.edge)
        for row in await self._store.read(query):
            edge = fanout.edges.get(row["edge"])
            if edge is not None and not (edge.hello.mark.epoch == epoch and edge.hello.mark.number >= row["seq"]):
                edge.hello = replace(edge.hello, mark=Version(epoch, row["seq"]))
        self.dispatch.advance_gate()

    async def _quarantine_ahead(self) -> None:
        """After a reload, quarantine nodes whose mark lies past the end of the log."""
        for name, why in self.dispatch.nodes_ahead():
            await self.dispatch.fanout.quarantine(name, why)
        self.dispatch.fanout.wake()

    def request_reload(self) -> None:
        """Reload: the log in the database has a new epoch."""
        self._note("_newer")

    async def delete_old(self) -> None:
        """Delete old jobs and their receipts. Raises Overloaded, StorageFailed."""
        await self._store.transact(job_table.delete_old, self._author("old jobs"))

    def _author(self, reason: str, action: Action = Action.CHANGE) -> Author:
        return Author("control", self._clock.wall(), reason, action=action)


async def _name_late(late: dict[int, list[str]], tx: Tx) -> None:
    await job_table.record_late(tx, late)


def _came(one: ArrivedReceipt) -> ReceivedReceipt:
    return ReceivedReceipt(one.edge, one.at, one.receipt.count, one.receipt.bytes, one.receipt.status)


def _listed(again: dict[int, list[str]]) -> str:
    seqs = [str(seq) for seq in sorted(again)]
    return ", ".join(seqs[:20]) + (f" and {len(seqs) - 20} more" if len(seqs) > 20 else "")
