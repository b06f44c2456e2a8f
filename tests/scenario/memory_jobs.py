"""The job log of a control in memory: the real dispatch, kept in a list where control keeps it in its database."""

from __future__ import annotations

import asyncio
from typing import Any

from control.fleet.fanout import Fanout
from control.jobs.dispatch import Dispatch
from control.jobs.log import LogEntry, merged_contents
from kernel.clock import Clock
from kernel.fleet.jobs import Prefetch, Purge, content_of
from kernel.fleet.messages import PREFETCH, PURGE, Job, Receipt

NAMES_MOST = 1_000


class MemoryJobs:
    """The log in the database that replicas of control have in common; each `joins` its fan-out with every start."""

    def __init__(self, epoch: str) -> None:
        self.epoch = epoch
        self.floor = 0
        self.entries: list[LogEntry] = []
        self.receipts: dict[int, dict[str, Receipt]] = {}
        self.late: dict[int, list[str]] = {}
        self._running: list[Dispatch] = []

    def joins(self, fanout: Fanout, clock: Clock) -> Dispatch:
        """What a start of control does."""
        dispatch = Dispatch(fanout, clock, lambda: asyncio.get_running_loop().call_soon(self._keep, dispatch))
        for other in self._running:
            fanout.merge_edges(other.fanout.edges.values())
        dispatch.restart_log(self.epoch, self.floor)
        dispatch.gate.record_late(self.late)
        dispatch.add_entries(entry for entry in self.entries if entry.job.seq > self.floor)
        self._running.append(dispatch)
        return dispatch

    def leaves(self, dispatch: Dispatch) -> None:
        """A control goes down."""
        dispatch.stop()
        if dispatch in self._running:
            self._running.remove(dispatch)

    def purges(self, clock: Clock, **named: Any) -> int:
        """Append a purge; its number."""
        return self._append(clock, PURGE, content_of(Purge(**named)))

    def prefetches(self, clock: Clock, *urls: str) -> int:
        """Append a prefetch; its number."""
        return self._append(clock, PREFETCH, content_of(Prefetch(urls)))

    def forgets(self) -> None:
        """All entries so far, as if many others had come since."""
        self.floor = len(self.entries)

    def _append(self, clock: Clock, kind: str, content: bytes, refers: tuple[int, ...] = ()) -> int:
        entry = LogEntry(Job(len(self.entries) + 1, kind, content), clock.wall(), refers)
        self.entries.append(entry)
        for dispatch in self._running:
            dispatch.add_entries([entry])
        return entry.job.seq

    def _keep(self, dispatch: Dispatch) -> None:
        if dispatch not in self._running:
            return
        due = dispatch.take_due()
        for one in due.receipts:
            self.receipts.setdefault(one.receipt.job.number, {})[one.edge] = one.receipt
        for other in self._running:
            if due.receipts and other is not dispatch:
                here = dispatch.fanout.connected_here
                other.fanout.merge_edges(e for name, e in dispatch.fanout.edges.items() if name in here)
                other.advance_gate()
        if due.late:
            for seq, shields in due.late.items():
                self.late.setdefault(seq, []).extend(shields)
            dispatch.gate.record_late(due.late)
        if due.resend:
            dispatch.gate.mark_resent(due.resend)
            for seq, shields in due.resend.items():
                self.late[seq] = [one for one in self.late[seq] if one not in shields]
            for content in merged_contents((self.entries[seq - 1] for seq in sorted(due.resend)), NAMES_MOST):
                self._append(dispatch.clock, PURGE, content, tuple(sorted(due.resend)))
        if due.late or due.resend:
            dispatch.advance_gate()
