"""Control's operations behind its HTTP and gRPC APIs: validate, commit, wake the edges.

ValueErrors (BadDocument, LimitExceeded, NotFound) are the caller's fault; Overloaded and StorageFailed are control's.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Collection, Mapping, Sequence
from functools import partial

import structlog
from sqlalchemy import select

from control.audit.entry import Action, Author, Call
from control.db import schema
from control.db.audit_log import AuditLog
from control.db.replica_notes import take_lease
from control.db.store import Committed, Cursor, Store
from control.desired import changes, key_set
from control.desired.resources import QUARANTINE
from control.fleet.edge_table import LEASE_SECONDS, edge_from_row, edge_row, save_edge_rows
from control.fleet.fanout import Fanout
from control.fleet.fleet_cache import FleetCache
from control.fleet.quarantine import Quarantine, quarantined
from control.jobs.service import JobService
from control.popularity.service import HotTitlesService
from control.rollout.layers import EdgeLabels
from control.rollout.service import RolloutService
from control.routing.service import RoutingService
from control.trust.enrolment import Enrolment
from kernel.clock import Clock, Instant
from kernel.documents import BadDocument
from kernel.errors import Overloaded, StorageFailed
from kernel.fleet.messages import DEFAULT, RULES, TITLE, Hello, Resource
from rpc.supervised import TaskSupervisor
from system.clock import sleep

MAX_TITLES = 5_000
MAX_SOURCE_LENGTH = 200
MAX_OWNER_LENGTH = 64
MAX_CURSOR = 2**63 - 1
SAVE_EDGES_EVERY = 2.0
DELETE_EVERY = 600.0
ROLLOUT_LEASE = 5.0
"""Seconds after which another replica advances a rollout when the leading one has died."""

log = structlog.get_logger("control")


class ControlService:
    """The parts of control joined: the store, connected edges, jobs, rollouts, routing, hot titles."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self.supervised = TaskSupervisor(clock.mono, partial(sleep, clock))
        """Restarts control's background tasks when they fail."""
        self.audit_log = AuditLog(store, clock)
        self.enrolment: Enrolment | None = None
        """Issues certificates to nodes; None without mTLS."""
        self.quarantine = Quarantine(store, clock)
        self.fanout = Fanout(lambda: store.desired, self.quarantine.hold, clock, store.refresh)
        for kind in ("revision", "epoch"):
            store.on_change(kind, self.fanout.wake)
        self._upkeep_due = asyncio.Event()
        self.fleet_cache = FleetCache(store, self._upkeep_due.set)
        self.hot_titles = HotTitlesService(self.fanout, clock, self.fleet_cache.node)
        self.hot_titles.title_exists = self._title_exists
        self._rules: Mapping[str, Resource] | None = None
        self._allows_any = False
        self.jobs = JobService(store, self.fanout, clock)
        self.jobs.dispatch.quarantined = self.quarantined
        store.on_change("epoch", self.jobs.request_reload)
        self._edges_changed = True
        store.on_change("edges", self._note_edges)
        self.routing = RoutingService(self.fanout, self.fleet_cache.node, clock, store.replica)
        self.routing.replicas = self.hot_titles.planner.replicas
        self.routing.quarantined = lambda name: quarantined(store.desired, name)
        self.settings = RolloutService(store, self.fanout, clock, self.leads_rollouts, self._labels_of)
        self.fleet_cache.on_change.append(self.settings.on_fleet_change)

    def _title_exists(self, content_id: str) -> bool:
        """Whether the title exists; true of every title while control holds no licences and allows all."""
        rules = self.store.desired.resource_set(RULES).resources
        if rules is not self._rules:
            default = rules.get(DEFAULT)
            allows = default is not None and json.loads(default.content).get("default") == "allow"
            self._rules, self._allows_any = rules, allows and not any(name.startswith(TITLE) for name in rules)
        return self._allows_any or f"{TITLE}{content_id}" in rules

    def quarantined(self) -> Collection[str]:
        """The ids of quarantined nodes."""
        return self.store.desired.resource_set(QUARANTINE).resources.keys()

    async def leads_rollouts(self) -> bool:
        """Whether this replica holds the lease on rollouts, or gets it now. Raises StorageFailed."""
        return await take_lease(self.store, "rollout", ROLLOUT_LEASE, self.clock.wall())

    def _labels_of(self, hello: Hello) -> EdgeLabels:
        node = self.fleet_cache.node(hello)
        return EdgeLabels(node.id, node.role, node.region, node.pop, node.group)

    async def put_titles(
        self,
        titles: Mapping[str, object],
        removed: Sequence[str] = (),
        *,
        author: str,
        reason: str = "",
        call: Call | None = None,
        cursor: Cursor | None = None,
    ) -> Committed:
        """Set licences (JSON form, by contentId) and remove those of `removed`."""
        if len(titles) + len(removed) > MAX_TITLES:
            raise BadDocument("titles", f"at most {MAX_TITLES} at once")
        if cursor is not None and not 0 < cursor.position <= MAX_CURSOR:
            raise BadDocument("cursor", f"must be 1 to {MAX_CURSOR}")
        if cursor is not None and (len(cursor.source) > MAX_SOURCE_LENGTH or not cursor.source.isprintable()):
            raise BadDocument("cursor", f"its source must be at most {MAX_SOURCE_LENGTH} printable characters")
        by = self._author(author, reason, call, Action.TITLES_PUT if titles else Action.TITLES_REMOVE)
        return await self.store.commit(lambda desired: changes.put_titles(desired, titles, removed), by, cursor)

    async def put_keys(self, jwks: object, *, author: str, reason: str = "", call: Call | None = None) -> Committed:
        """Replace the operators' public keys."""
        by = self._author(author, reason, call, Action.KEYS_PUT)
        return await self.store.commit(lambda desired: key_set.put_keys(desired, jwks), by)

    async def put_own_keys(
        self, jwks: object, *, owner: str, lifetime: float, author: str, call: Call | None = None
    ) -> Committed:
        """Set the public keys that `owner` signs with; its earlier ones retire after `lifetime` seconds."""
        if not owner or len(owner) > MAX_OWNER_LENGTH or not owner.isprintable():
            raise BadDocument("owner", f"must be 1 to {MAX_OWNER_LENGTH} printable characters")
        by, now = self._author(author, "", call, Action.KEYS_PUT), self.clock.wall()
        return await self.store.commit(lambda desired: key_set.put_own_keys(desired, jwks, owner, lifetime, now), by)

    async def withdraw_key(self, kid: str, *, author: str, reason: str = "", call: Call | None = None) -> Committed:
        """Remove a public key at once. Raises NotFound."""
        by = self._author(author, reason, call, Action.KEYS_WITHDRAW)
        return await self.store.commit(lambda desired: key_set.withdraw_key(desired, kid), by)

    async def revoke(
        self, session: object, until: object, *, author: str, reason: str = "", call: Call | None = None
    ) -> Committed:
        """Refuse a session's tokens."""
        by = self._author(author, reason, call, Action.SESSION_REVOKE)
        return await self.store.commit(lambda desired: changes.revoke(desired, session, until), by)

    async def put_default(self, default: str) -> Committed:
        """Set what edges do with titles that have no licence: `allow` or `deny`."""
        by = self._author("control", "setting `default`", None, Action.DEFAULT_PUT)
        return await self.store.commit(lambda _: changes.put_default(default), by)

    def _note_edges(self) -> None:
        self._edges_changed = True

    async def load_edges(self) -> None:
        """Load edges seen by other replicas, and by this one before its start. Raises StorageFailed."""
        self._edges_changed = False
        now = Instant(self.clock.wall(), self.clock.mono())
        self.fanout.merge_edges(edge_from_row(row, now) for row in await self.store.read(select(schema.edges)))

    async def save_edges(self) -> None:
        """Store the edges that changed; what fails is retried with the next change."""
        now = self.clock.wall()
        silent = {
            name for name in self.fanout.connected_here if self.fanout.edges[name].last_seen < now - LEASE_SECONDS / 2
        }
        names, self.fanout.changed = self.fanout.changed | silent, set()
        rows = [edge_row(self.fanout.edges[name], self.store.replica, now) for name in sorted(names)]
        try:
            if rows:
                await self.store.save(lambda connection: save_edge_rows(connection, rows), ["edges"])
        except StorageFailed:  # the store has logged it
            self.fanout.changed |= names

    async def run_upkeep(self) -> None:
        """Store seen edges, reload nodes and groups that changed, and delete expired rows, for ever."""
        forgotten_at = self.clock.mono() - DELETE_EVERY
        while True:
            self._upkeep_due.clear()
            await self.save_edges()
            with contextlib.suppress(StorageFailed):  # while it is away, what was loaded last is used
                await self.fleet_cache.refresh()
                if self._edges_changed:
                    await self.load_edges()
                    self.jobs.dispatch.advance_gate()
            if self.clock.mono() - forgotten_at >= DELETE_EVERY:
                forgotten_at = self.clock.mono()
                with contextlib.suppress(Overloaded, StorageFailed):  # the next round retries
                    await self._delete_expired(self.clock.wall())
            timer = self.clock.call_later(SAVE_EDGES_EVERY, self._upkeep_due.set)
            try:
                await self._upkeep_due.wait()
            finally:
                timer.cancel()

    async def _delete_expired(self, now: float) -> None:
        await self.store.delete_old(now)
        await self.jobs.delete_old()
        ended = self._author("control", "expired revocations", None, Action.REVOCATIONS_END)
        await self.store.commit(lambda desired: changes.end_revocations(desired, now), ended)
        retired = self._author("control", "retired keys whose last token has expired", None, Action.KEYS_RETIRE)
        await self.store.commit(lambda desired: key_set.retire_keys(desired, now), retired)

    def _author(self, name: str, reason: str, call: Call | None, action: Action) -> Author:
        return Author(name, self.clock.wall(), reason, call, action)
