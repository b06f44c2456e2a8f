"""Jobs on their way to edges: what each edge is sent next, which jobs it has done, which shields hold up the rest.

All in memory, nothing here awaits. `take_due` returns what must be stored; `control.jobs.service` stores it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from control.fleet.fanout import Edge, Fanout
from control.jobs.log import JobLog, LogEntry, last_sent
from control.jobs.tier_gate import SHIELD_SECONDS, Shield, TierGate
from kernel.clock import Clock, Timer
from kernel.fleet.messages import DONE, NOTHING, PURGE, Jobs, Receipt, Version

SHIELD_GRACE_SECONDS = 10.0
"""Seconds after its last message during which edges wait for a disconnected shield."""
GONE_AFTER = 86_400.0
"""Seconds after its last message when a node is left out of a job's status."""
SHIELD_GONE_AFTER = 7 * 86_400.0
"""Seconds after its last message when a shield no longer counts as late."""
LATENCIES = 2_000
"""Latest times to a receipt kept for the quantiles in /metrics."""


class ArrivedReceipt(NamedTuple):
    """A receipt and when it arrived (Unix seconds)."""

    edge: str
    receipt: Receipt
    at: float


@dataclass(slots=True)
class PendingWrites:
    """What must be stored: receipts, shields newly late, jobs to send again.

    `nodes_ahead`: a node claims a job past the end of this replica's log.
    """

    receipts: list[ArrivedReceipt] = field(default_factory=list)
    late: dict[int, list[str]] = field(default_factory=dict)
    resend: dict[int, list[str]] = field(default_factory=dict)
    ahead: bool = False
    done: int = 0
    """Every node has done every purge up to this number; their receipts are in `receipts` or stored already."""


@dataclass(slots=True)
class SentUpTo:
    """The last job sent over a connection. `drop_job`: the job whose receipt means that the edge dropped all, or -1."""

    edge: Edge
    epoch: str
    upto: int
    drop_job: int = -1


class Dispatch:
    """Sends jobs through a fan-out. `wake` is called when `take_due` has something to store."""

    def __init__(self, fanout: Fanout, clock: Clock, wake: Callable[[], object]) -> None:
        self.log = JobLog()
        self.gate = TierGate()
        self.fanout = fanout
        self.quarantined: Callable[[], Collection[str]] = tuple
        """Returns the ids of quarantined nodes."""
        self.seconds: list[float] = []
        """Seconds from a job to its receipt, the latest LATENCIES of them."""
        self.seconds_sum = 0.0
        self.seconds_count = 0
        """Sum and count of all such times since the start."""
        self.being_stored: list[ArrivedReceipt] = []
        """Receipts being stored now."""
        self.receipts = 0
        self.failures = 0
        self.clock = clock
        self._wake = wake
        self._due = PendingWrites()
        self._arrived_at: dict[int, float] = {}
        self._sent: dict[str, SentUpTo] = {}
        self._timer: Timer | None = None
        fanout.next_jobs = self.next_jobs
        fanout.on_receipt.append(self.on_receipt)

    # -- the log -----------------------------------------------------------------------------------------------

    def restart_log(self, epoch: str, floor: int) -> None:
        """Replace the log by an empty one that starts after `floor`."""
        self.log.restart(epoch, floor)
        self.gate = TierGate(released=floor)
        self._arrived_at.clear()
        self.fanout.wake()

    def add_entries(self, entries: Iterable[LogEntry]) -> None:
        """Add entries that this or another replica appended to the log."""
        now = self.clock.mono()
        added = self.log.add_entries(entries)
        for entry in added:
            # Not the time of the request: after a restart the shields need time to reconnect.
            self._arrived_at[entry.job.seq] = now
        if added:
            self.advance_gate()
            self.fanout.wake(one.hello.id for one in self._nodes() if one.hello.role == "shield")

    def next_jobs(self, edge: Edge) -> Jobs | None:
        """The jobs to send to an edge now, which count as sent; None when it has all it may have."""
        log, name = self.log, edge.hello.id
        if not log.epoch:
            return None
        limit = log.head if edge.hello.role == "shield" else self.gate.released
        told = self._sent.get(name)
        if told is not None and told.edge is edge and told.epoch == log.epoch:
            jobs = log.next_message(told.upto, limit)
            if jobs is not None:
                self._record_sent(edge, jobs, told.upto)
            return jobs
        mark = edge.hello.mark
        if mark.epoch == log.epoch and mark.number > log.head:
            self._due.ahead = True
            self._wake()
            return None
        jobs = log.first_message(mark, limit)
        self._record_sent(edge, jobs, mark.number if mark.epoch == log.epoch else -1)
        return jobs

    def _record_sent(self, edge: Edge, jobs: Jobs, before: int) -> None:
        drops = jobs.head if before < jobs.floor else -1
        self._sent[edge.hello.id] = SentUpTo(edge, jobs.epoch, last_sent(jobs, before), drops)

    # -- what edges answer -------------------------------------------------------------------------------------

    def on_receipt(self, edge: Edge, receipt: Receipt) -> None:
        """Acknowledge a job: the edge has done it, and every purge before it."""
        job = receipt.job
        if job.epoch != self.log.epoch or job.number > self.log.head:
            return
        now = self.clock.wall()
        entry = self.log.get(job.number)
        self.receipts += 1
        self.failures += receipt.status != DONE
        if entry is not None:
            seconds = max(0.0, now - entry.at)
            self.seconds_sum += seconds
            self.seconds_count += 1
            self.seconds.append(seconds)
            del self.seconds[:-LATENCIES]
        self._due.receipts.append(ArrivedReceipt(edge.hello.id, receipt, now))
        mark, told = edge.hello.mark, self._sent.get(edge.hello.id)
        dropped = told is not None and told.drop_job == job.number
        if dropped or (entry is not None and entry.job.kind == PURGE):
            if mark.epoch != job.epoch or mark.number < job.number:
                edge.hello = replace(edge.hello, mark=job)
            if edge.hello.role == "shield":
                self.advance_gate()
        self._wake()

    # -- shields first -----------------------------------------------------------------------------------------

    def advance_gate(self) -> None:
        """Release purges that shields have done, and note shields that became late or caught up."""
        log, release, now = self.log, self.gate, self.clock.mono()
        shields = self.shields()
        release.forget(log.floor)
        before = release.released
        waiting = [e for seq in range(max(before, log.floor) + 1, log.head + 1) if (e := log.get(seq)) is not None]
        waited = {seq: now - came for seq, came in self._arrived_at.items()}
        self._due.late = release.advance(waiting, shields, log.epoch, waited)
        self._due.resend = release.caught_up(shields, log.epoch)
        if release.released > before:
            self._arrived_at = {seq: came for seq, came in self._arrived_at.items() if seq > release.released}
            self.fanout.wake()
        if self._due.late or self._due.resend:
            self._wake()
        self._schedule_advance(now)

    def _schedule_advance(self, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._arrived_at:
            due = min(self._arrived_at.values()) + SHIELD_SECONDS - now
            self._timer = self.clock.call_later(min(max(due, 0.05), SHIELD_SECONDS), self.advance_gate)

    def stop(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def take_due(self) -> PendingWrites:
        """Take what must be stored now; `return_receipts` gives back receipts that could not be stored."""
        due, self._due = self._due, PendingWrites()
        due.done = self.done_upto()
        self.being_stored = due.receipts
        return due

    def return_receipts(self, receipts: list[ArrivedReceipt]) -> None:
        """Keep receipts that could not be stored for the next `take_due`."""
        self._due.receipts[:0] = receipts
        self.being_stored = []

    def unstored_receipts(self, seq: int) -> list[ArrivedReceipt]:
        """A job's receipts that are not stored yet."""
        return [one for one in (*self.being_stored, *self._due.receipts) if one.receipt.job.number == seq]

    # -- the fleet ---------------------------------------------------------------------------------------------

    def _nodes(self) -> list[Edge]:
        """Nodes connected now or within GONE_AFTER. Quarantined nodes are sent no jobs, so nothing waits for them."""
        since, held = self.clock.wall() - GONE_AFTER, self.quarantined()
        edges = self.fanout.edges.items()
        return [edge for name, edge in edges if name not in held and (edge.connected or edge.last_seen >= since)]

    def nodes(self) -> list[Edge]:
        """The nodes that every job concerns, by id."""
        return sorted(self._nodes(), key=lambda edge: edge.hello.id)

    def shields(self) -> list[Shield]:
        """The shields. Edges do not wait for a quarantined one, but it counts as late: it may hold old bytes."""
        there, gone = self.clock.wall() - SHIELD_GRACE_SECONDS, self.clock.wall() - SHIELD_GONE_AFTER
        held = self.quarantined()
        return [
            Shield(
                one.hello.id,
                one.hello.mark if one.hello.id not in held else NOTHING,
                one.hello.id not in held and (one.connected or one.last_seen >= there),
            )
            for one in self.fanout.edges.values()
            if one.hello.role == "shield" and (one.connected or one.last_seen >= gone)
        ]

    def has_purged(self, edge: Edge, seq: int) -> bool:
        """Whether a node has done all purges up to this one."""
        mark: Version = edge.hello.mark
        return mark.epoch == self.log.epoch and mark.number >= seq

    def nodes_ahead(self) -> list[tuple[str, str]]:
        """(id, reason) of each connected edge whose mark lies past the end of this log."""
        return [
            (name, f"it claims job {edge.hello.mark.number}, the log of jobs ends at {self.log.head}")
            for name, edge in self.fanout.edges.items()
            if edge.connected and edge.hello.mark.epoch == self.log.epoch and edge.hello.mark.number > self.log.head
        ]

    def lags(self) -> list[float]:
        """How many released jobs each connected node has still to do, ascending."""
        marks = [edge.hello.mark for edge in self.fanout.edges.values() if edge.connected]
        upto, epoch = self.gate.released, self.log.epoch
        return sorted(float(max(0, upto - mark.number)) if mark.epoch == epoch else float(upto) for mark in marks)

    def done_upto(self, *, connected: bool = False) -> int:
        """The number up to which every node, or every connected one, has done every purge."""
        marks = [one.hello.mark for one in self._nodes() if one.connected or not connected]
        numbers = [mark.number if mark.epoch == self.log.epoch else 0 for mark in marks]
        return min([self.log.head, *numbers])
