"""Wires an edge: the only module that knows all of its parts. Over 300 lines because each part has its lines here."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import AsyncExitStack
from functools import partial

import structlog

from cache.cache import SegmentCache
from cache.disk.tier import DiskTier
from cache.entry import Entry
from cache.eviction.admission import ADMISSIONS
from cache.eviction.choice import POLICIES, S3FifoTuning
from cache.eviction.policy import Policy
from cache.ram import RamTier
from edge.admin.api import Admin, Stopping, admin_limits
from edge.admin.metrics import Number, metrics, stats
from edge.counters import Counts
from edge.fill.fetch import Fetcher
from edge.fleet.apply import FleetState
from edge.fleet.control_link import Connect, ControlCallbacks
from edge.fleet.live_settings import LiveSettings
from edge.fleet.report import NodeReporter, NodeStatus
from edge.fleet.setup import (
    catch_up_on_purges,
    connect_receipts,
    identity_of,
    job_runner_of,
    read_keys,
    read_rules,
    start_jobs,
    subscriber_of,
    with_job_callbacks,
)
from edge.policy.authorise import Node, TokenMemo, authorise_request
from edge.policy.configured_routes import routes_of
from edge.policy.locate import Locator
from edge.policy.profile import PROFILES
from edge.policy.route import RoutedRequest
from edge.prefetch.service import PrefetchService
from edge.reload import Reloader
from edge.serve.access_log import AccessLog
from edge.serve.connection_limits import ConnectionLimits
from edge.serve.handler import RequestHandler
from edge.serve.listener import ViewerListener, alpn_of, timeouts_of
from edge.settings import EdgeSettings
from edge.tasks import TaskOwner
from edge.upstreams.config import upstreams_of
from edge.upstreams.network import Network
from edge.wire.head import Limits
from edge.wire.upload import BodyBudget
from edge.wire.viewer import Viewer
from httpd.door import Door
from kernel.clock import Clock, Instant, Timer
from kernel.errors import BadSettings
from kernel.fleet.messages import HOT
from kernel.http.cache_status import cache_name
from kernel.settings.table import Address
from kernel.vocabulary import CACHE_NOTICE_SENTENCES, CacheNotice, Refusal
from rpc.supervised import TaskSupervisor
from system.private_files import private_folder
from system.server_tls import renew_certificate, tls_context

LOOP_CHECK_SECONDS = 0.5
MAX_LOCK_WAIT_SECONDS = 5.0
"""How long a start waits for a predecessor to release the cache folder."""
MAX_HANDOVER_SECONDS = 5.0
"""How long running writes may delay the release of the cache folder; beyond it the folder is kept to the end."""

logger = structlog.get_logger("edge")


class Edge:
    """One edge or shield, from start to stop. `connect` opens the link to control (tests pass their own)."""

    _admin: Door | None = None
    _stopping = False
    address: Address | None = None
    admin_address: Address | None = None

    def __init__(self, settings: EdgeSettings, network: Network, clock: Clock, connect: Connect | None = None) -> None:
        self.settings = settings
        self.network = network
        self.clock = clock
        self.counts = Counts()
        self.unexpected: list[BaseException] = []
        self.tasks = TaskOwner(self._on_unexpected_error)
        self.node = self._make_node()
        self.disk = self._make_disk()
        self.cache = self._make_cache()
        self.upstreams = upstreams_of(settings, network, clock)
        self.fetcher = self._make_fetcher()
        self.locator = Locator(settings.geo, settings.default_country, settings.trusted_proxies)
        self.log_dropped = 0
        self.log = self._make_log()
        self.connection_limits = ConnectionLimits(settings, self._on_unexpected_error)
        self.prefetch_service = self._make_prefetch_service()
        self.handler = self._make_handler()
        self.bodies = BodyBudget(settings.body_memory)
        self.listener = ViewerListener(
            self.handler, self.handler.connections, Limits(body=self.node.profile.max_body, bodies=self.bodies), clock,
            timeouts_of(settings), self.connection_limits, prior_knowledge=settings.http2 == "prior-knowledge",
        )  # fmt: skip
        self.live = LiveSettings(self)
        self._rules = self.node.rules
        self.identity = identity_of(settings, clock) if connect is None else None
        self.jobs = job_runner_of(settings, self.node, self.cache, self.prefetch_service, clock, self.tasks)
        self.marked_stale = 0
        prefetches = self.prefetch_service
        self.reporter = NodeReporter(self.counts, prefetches.popularity, prefetches.accounting, clock, self._status)
        callbacks = ControlCallbacks(check_state=self.live.prepare, report=self.reporter.report)
        callbacks = with_job_callbacks(callbacks, self.jobs)
        self.subscriber = subscriber_of(settings, clock, self.apply_state, callbacks, self.identity, connect)
        connect_receipts(self.jobs, self.subscriber)
        self.drained = asyncio.Event()
        self.draining = False
        self._following: list[asyncio.Task[None]] = []
        self._timer: Timer | None = None
        self._tls: ssl.SSLContext | None = None
        self.reloader = self._make_reloader()

    # -- making ------------------------------------------------------------------------------------------------

    def _make_fetcher(self) -> Fetcher:
        settings = self.settings
        return Fetcher(
            settings.id, self.node.profile, self.cache, self.upstreams, self.clock, self.tasks, self.counts,
            settings.max_object, settings.fill_wait, settings.stale_wait,
        )  # fmt: skip

    def _make_node(self) -> Node:
        settings = self.settings
        routes = routes_of(settings)
        rules, keys = read_rules(settings.rules), read_keys(settings.keys)
        return Node(
            id=settings.id,
            name=cache_name(settings.id),
            profile=PROFILES[settings.profile],
            rules=FleetState().rules if self._follows_control else rules,
            memo=TokenMemo(keys) if routes.any_needs_token else None,
            regions=frozenset(region.encode() for region in settings.region),
            routes=routes,
            honours_directives=settings.request_directives == "honour",
            is_shield=settings.role == "shield",
        )

    def _make_disk(self) -> DiskTier | None:
        settings = self.settings
        if settings.cache_dir is None or settings.disk == 0:
            return None
        admission = ADMISSIONS[settings.admission](settings.disk, settings.admission_memory)
        return DiskTier(settings.cache_dir, settings.disk, self._policy(settings.disk), admission)

    def _make_cache(self) -> SegmentCache:
        settings = self.settings
        ram = RamTier(settings.ram, self._policy(settings.ram), alone=self.disk is None)
        # Over TLS every byte passes through user space, so bodies are kept there.
        return SegmentCache(ram, self.disk, self.clock, self.tasks, files=settings.tls_cert is None)

    def _policy(self, budget: int) -> Policy[Entry]:
        settings = self.settings
        return POLICIES[settings.policy](budget, S3FifoTuning(settings.small_share, settings.promote_after))

    def _make_log(self) -> AccessLog | None:
        settings = self.settings
        if settings.access_log is None:
            return None
        return AccessLog(settings.access_log, settings.id, self.clock, self.tasks, self._count_dropped_lines)

    def _make_prefetch_service(self) -> PrefetchService:
        return PrefetchService(
            self.settings, self.node, self.cache, self.fetcher, self.clock, self.tasks, self.counts,
            self._permits,
        )  # fmt: skip

    def _permits(self, routed: RoutedRequest, viewer: Viewer) -> bool:
        return not isinstance(authorise_request(routed, viewer, self.node, self.clock.wall()), Refusal)

    def _make_handler(self) -> RequestHandler:
        prefetch = self.prefetch_service
        return RequestHandler(
            self.node, self.cache, self.fetcher, self.locator, self.clock, self.counts, self.log,
            self.connection_limits, prefetch.predictor if prefetch.is_watching else None,
        )  # fmt: skip

    # -- running -----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Recover the disk, connect to control, listen. BadSettings if something is unavailable."""
        if self.disk is not None:
            await self.tasks.offload(partial(private_folder, self.disk.folder))
            disk, now = self.disk, Instant(self.clock.wall(), self.clock.mono())
            self.cache.set_notice_listener(_log_cache_notice)
            found = await self.tasks.offload(lambda: disk.open(now, MAX_LOCK_WAIT_SECONDS))
            self.cache.adopt(found)
            self.tasks.spawn(self.cache.sweep_disk(found))
        if self.identity is not None:
            work = TaskSupervisor(self.clock.mono).run_task("identity", self.identity.run)
            self._following.append(self.tasks.spawn(work))
        if self.subscriber is not None:
            await start_jobs(self.jobs, self.subscriber, self.tasks)
            self._following.append(self.tasks.spawn(self.subscriber.run()))
            await self.subscriber.wait_until_started()
            self.marked_stale = await catch_up_on_purges(self.jobs, self.cache, self.clock)
        settings = self.settings
        tls = None
        if settings.tls_cert is not None and settings.tls_key is not None:
            tls = self._tls = tls_context(settings.tls_cert, settings.tls_key, alpn_of(settings))
        self.address = await self.listener.open(self.network, settings.listen, tls)
        if self.node.profile.name == "media":
            self.node.origin = (f"http{'s' if tls else ''}://{self.address}").encode()
        self._check_loop_delay(self.clock.mono())
        self.prefetch_service.start()

    async def start_admin(self) -> None:
        """Open the operators' port."""
        door = Door(Admin(self).application(), admin_limits(self.settings), self.settings.drain)
        self.admin_address = await door.open(self.settings.admin, "admin")
        self._admin = door

    @property
    def _follows_control(self) -> bool:
        """Whether control's rules apply here: not at a shield, which sees edges instead of viewers."""
        return bool(self.settings.control) and self.settings.role != "shield"

    def apply_state(self, state: FleetState) -> None:
        """Put new rules and keys from control in force, from the next request on."""
        # Rules already in force must not be applied again: grants that new settings ended would hold again.
        if self._follows_control and state.rules is not self._rules:
            self.node.rules = self._rules = state.rules
        if self.node.memo is not None:
            self.node.memo.use_keys(state.keys)
        self.live.put_in_force(state)
        self.prefetch_service.apply_hot_list(state.documents.get(HOT))

    def reload(self) -> None:
        """SIGHUP: reopen the log; read certificate, rules and keys again, each on its own (`edge.reload`)."""
        self.reloader.reload()

    def reopen_log(self) -> None:
        """SIGUSR1: after log rotation."""
        self.reloader.reload("log")

    def _make_reloader(self) -> Reloader:
        return Reloader(
            {
                "log": self._reload_log,
                "certificate": self._reload_certificate,
                "rules": self._reload_rules,
                "keys": self._reload_keys,
            }
        )

    def _reload_log(self) -> None:
        if self.log is not None:
            self.log.reopen()

    def _reload_certificate(self) -> None:
        settings = self.settings
        if self._tls is not None and settings.tls_cert is not None and settings.tls_key is not None:
            renew_certificate(self._tls, settings.tls_cert, settings.tls_key)

    def _reload_rules(self) -> None:
        if not self.settings.control:
            self.node.rules = read_rules(self.settings.rules)

    def _reload_keys(self) -> None:
        if not self.settings.control and self.node.memo is not None:
            self.node.memo.use_keys(read_keys(self.settings.keys))

    def drain(self) -> None:
        """Stop accepting; `drained` is set when the last response is complete."""
        if not self.draining:
            self.draining = self.connection_limits.closed = True
            self.listener.close()
            self._check_drained()

    async def undrain(self) -> None:
        """Accept again, on the same address. Stopping if the node is stopping; BadSettings, and it stays drained, if it
        cannot listen."""
        if self._stopping:
            raise Stopping
        if not self.draining or self.address is None:
            return
        self.draining = self.connection_limits.closed = False
        self.drained.clear()
        try:
            await self.listener.open(self.network, self.address, self._tls)
        except BadSettings:
            self.draining = self.connection_limits.closed = True
            raise
        if self.draining:  # drained again while the socket was opened
            self.listener.close()

    def _check_drained(self) -> None:
        if not self.draining:
            return
        if any(not connection.parted for connection in self.handler.connections):
            self.clock.call_later(0.05, self._check_drained)
        else:
            self.drained.set()

    async def stop(self) -> None:
        """Release what a successor needs at once, drain within the limit, then end everything."""
        self._stopping = True
        self.drain()
        await self._hand_over()
        if self.handler.connections:
            limit = self.clock.call_later(self.settings.drain, self.drained.set)
            await self.drained.wait()
            limit.cancel()
        async with AsyncExitStack() as ends:  # runs from the last line to the first, whatever fails
            if self.disk is not None:
                ends.callback(self.disk.close)
            ends.callback(self.locator.close)
            if self.log is not None:
                ends.callback(self.log.close)
            ends.push_async_callback(self.tasks.stop, grace=0.5 if self.subscriber is None else 0.0)
            ends.callback(self.upstreams.close)
            if self._admin is not None:
                ends.push_async_callback(self._admin.close)
            if self._timer is not None:
                ends.callback(self._timer.cancel)
            ends.callback(self.connection_limits.cut_handshakes)
            ends.callback(self.listener.abort_connections)

    async def _hand_over(self) -> None:
        """Release the fleet's stream, the admin port and the cache folder for a successor with the same settings.
        Running responses go on from RAM, from open files and from upstream."""
        self.prefetch_service.stop()
        for following in self._following:
            following.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)
        if self._admin is not None:
            self._admin.stop_listening()
        try:
            async with asyncio.timeout(MAX_HANDOVER_SECONDS):
                await self.cache.hand_over_disk()
        except TimeoutError:
            logger.warning("cache-folder-kept", seconds=MAX_HANDOVER_SECONDS)

    # -- what the parts ask ------------------------------------------------------------------------------------

    def _on_unexpected_error(self, error: BaseException) -> None:
        self.unexpected.append(error)
        del self.unexpected[:-100]
        logger.error("bug-task-failed", exc_info=error)

    def _count_dropped_lines(self, lines: int) -> None:
        self.log_dropped += lines

    def _check_loop_delay(self, due: float) -> None:
        now = self.clock.mono()
        self.counts.loop_delay = max(0.0, now - due)
        self.counts.worst_delay = max(self.counts.worst_delay, self.counts.loop_delay)
        next_due = now + LOOP_CHECK_SECONDS
        self._timer = self.clock.call_later(LOOP_CHECK_SECONDS, lambda: self._check_loop_delay(next_due))

    def prefetch(self, url: str) -> bool:
        """Fetch a URL's object unless it is cached; False if the URL cannot be one of ours."""
        return self.prefetch_service.prefetch(url)

    def _status(self) -> NodeStatus:
        cache = self.cache
        return NodeStatus(
            connections=self.counts.connections,
            loop_delay=self.counts.worst_delay,
            ram_bytes=cache.ram.used,
            disk_bytes=cache.disk.used if cache.disk is not None else 0,
            ready=self.readiness()[0],
            draining=self.draining,
        )

    def readiness(self) -> tuple[bool, str]:
        """(ready, why not or in which state)."""
        if self.draining:
            return False, "draining"
        if self.address is None:
            return False, "starting"
        if self.subscriber is not None and self.subscriber.is_degraded:
            return True, "degraded"
        if self.jobs is not None and self.jobs.is_catching_up:
            return False, "catching-up"
        if self.cache.is_disk_off:
            return True, "degraded"
        return True, "ready"

    def stats(self) -> dict[str, int]:
        """GET /stats."""
        return stats(self)

    def metrics(self) -> dict[str, Number]:
        """Every row of the table of counters: a number, or numbers by label."""
        return metrics(self)


def _log_cache_notice(notice: CacheNotice) -> None:
    logger.warning("cache-folder", notice=notice.value, means=CACHE_NOTICE_SENTENCES[notice])
