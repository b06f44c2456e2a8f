"""Wires an edge: the only module that knows all of its parts. Over 300 lines because each part has its lines here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial

import structlog

from edge.admin.api import Admin, Stopping, admin_limits
from edge.admin.metrics import Number, metrics, stats
from edge.counters import Counts
from edge.fill.fetch import Fetcher
from edge.fleet.apply import FleetState
from edge.fleet.control_link import Connect, ControlCallbacks
from edge.fleet.jobs import JobRunner
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
from edge.fleet.subscribe import Subscriber
from edge.node.owner import NodeOwner
from edge.node.processes.channel import SupervisorLink
from edge.node.processes.place import NodePlace
from edge.node.processes.sockets import SharedSockets
from edge.node.reload_steps import reload_steps
from edge.node.tiers import make_cache, make_disk, map_file
from edge.node.worker import NodeWorker
from edge.policy.authorise import Node, TokenMemo, authorise_request
from edge.policy.configured_routes import routes_of
from edge.policy.locate import Locator
from edge.policy.profile import PROFILES
from edge.policy.route import RoutedRequest
from edge.prefetch.predictor import RequestWatcher
from edge.prefetch.seen_objects import SeenObjects
from edge.prefetch.service import PrefetchService
from edge.reload import PARTS, Reloader
from edge.serve.access_log import AccessLog
from edge.serve.connection_limits import ConnectionLimits
from edge.serve.handler import RequestHandler
from edge.serve.listener import ViewerListener, timeouts_of
from edge.serve.shared_counts import SharedCounts
from edge.serve.viewer_tls import ViewerTls
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
from rpc.node_identity import NodeIdentity
from rpc.supervised import TaskSupervisor
from system.private_files import private_folder

LOOP_CHECK_SECONDS = 0.5
MAX_LOCK_WAIT_SECONDS = 5.0
"""How long a start waits for a predecessor to release the cache folder."""
MAX_HANDOVER_SECONDS = 5.0
"""How long running writes may delay the release of the cache folder; beyond it the folder is kept to the end."""

logger = structlog.get_logger("edge")


class Edge:
    """One edge or shield, from start to stop. `connect` opens the link to control (tests pass their own). `place`: of
    this process in a node of several; `link`: to its supervisor."""

    owner: NodeOwner | None = None
    worker: NodeWorker | None = None
    draining = _stopping = False
    marked_stale = log_dropped = 0
    _admin: Door | None = None
    _timer: Timer | None = None
    tls: ViewerTls | None = None
    read_again: Callable[[], EdgeSettings] | None = None
    """Reads the configuration again, for a reload."""
    address: Address | None = None
    admin_address: Address | None = None

    def __init__(
        self,
        settings: EdgeSettings,
        network: Network,
        clock: Clock,
        connect: Connect | None = None,
        place: NodePlace | None = None,
        link: SupervisorLink | None = None,
    ) -> None:
        self.settings = settings
        self.owns_cache = place is None or place.owns_cache
        self._ticket_secret = place.ticket_secret if place is not None else None
        self.network = network
        self.clock = clock
        self.counts = Counts()
        self.unexpected: list[BaseException] = []
        self.tasks = TaskOwner(self._on_unexpected_error)
        self.node = self._make_node()
        self.disk = make_disk(settings, place, clock)
        self.cache = make_cache(settings, place, self.disk, clock, self.tasks)
        self.upstreams = upstreams_of(settings, network, clock)
        self.fetcher = self._make_fetcher()
        self.locator = Locator(settings.geo, settings.default_country, settings.trusted_proxies)
        self.log = self._make_log()
        self.connection_limits = ConnectionLimits(settings, self._on_unexpected_error)
        self.prefetch_service, self.seen = self._make_prefetch_service(), SeenObjects()
        self.handler = self._make_handler()
        self.bodies = BodyBudget(settings.body_memory)
        self.listener = self._make_listener()
        self.live = LiveSettings(self)
        self._rules = self.node.rules
        self.reporter = self._make_reporter()
        self.identity, self.jobs, self.subscriber = self._make_links_to_control(connect)
        connect_receipts(self.jobs, self.subscriber)
        self.drained, self._following = asyncio.Event(), list[asyncio.Task[None]]()
        self.reloader = Reloader(reload_steps(self))
        if place is not None and link is not None:
            self._join_node(place, link)

    # -- making ------------------------------------------------------------------------------------------------

    def _join_node(self, place: NodePlace, link: SupervisorLink) -> None:
        self.connection_limits.shared = SharedCounts(map_file(place.connections), place.slot, place.workers)
        if isinstance(self.network, SharedSockets):
            self.network.gives_way = self.connection_limits.shared.is_busier
        if place.owns_cache:
            self.owner = NodeOwner(place, self, link, Limits(body=self.node.profile.max_body, bodies=self.bodies))
            self.owner.on_release = lambda: self.tasks.spawn(self._release(link))
        else:
            self.worker = NodeWorker(place, self)

    def _make_links_to_control(
        self, connect: Connect | None
    ) -> tuple[NodeIdentity | None, JobRunner | None, Subscriber | None]:
        """What follows control; one process of a node does that for all."""
        if not self.owns_cache:
            return None, None, None
        settings, clock = self.settings, self.clock
        identity = identity_of(settings, clock) if connect is None else None
        jobs = job_runner_of(settings, self.node, self.cache, self.prefetch_service, clock, self.tasks)
        callbacks = ControlCallbacks(
            check_state=self.live.prepare, report=self.reporter.report, until_in_force=self._until_in_force
        )
        callbacks = with_job_callbacks(callbacks, jobs)
        return identity, jobs, subscriber_of(settings, clock, self._apply_from_control, callbacks, identity, connect)

    def _make_reporter(self) -> NodeReporter:
        prefetches = self.prefetch_service
        return NodeReporter(self.counts, prefetches.popularity, prefetches.accounting, self.clock, self._status)

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

    def _watcher(self) -> RequestWatcher:
        return self.prefetch_service.predictor if self.owns_cache else self.seen

    def _make_handler(self) -> RequestHandler:
        prefetch = self.prefetch_service
        return RequestHandler(
            self.node, self.cache, self.fetcher, self.locator, self.clock, self.counts, self.log,
            self.connection_limits, self._watcher() if prefetch.is_watching else None,
        )  # fmt: skip

    def _make_listener(self) -> ViewerListener:
        limits = Limits(body=self.node.profile.max_body, bodies=self.bodies)
        return ViewerListener(
            self.handler, self.handler.connections, limits, self.clock, timeouts_of(self.settings),
            self.connection_limits, counts=self.counts, prior_knowledge=self.settings.http2 == "prior-knowledge",
        )  # fmt: skip

    # -- running -----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Recover the disk, connect to control, listen. BadSettings if something is unavailable."""
        if self.owner is not None:
            await self.owner.wait_for_predecessor()
        if self.disk is not None and self.owns_cache:
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
        if self.owner is not None:
            await self.owner.open()
        if self.worker is not None:
            await self.worker.start()
            if self._stopping:
                return
        settings = self.settings
        if settings.tls_cert is not None:
            secret = self._ticket_secret.read_bytes() if self._ticket_secret is not None else None
            self.tls = ViewerTls(settings, self.clock, secret)
        tls = self.tls.context if self.tls is not None else None
        self.address = await self.listener.open(self.network, settings.listen, tls)
        if self.node.profile.name == "media":
            self.node.origin = (f"http{'s' if tls else ''}://{self.address}").encode()
        self._check_loop_delay(self.clock.mono())
        if self.owns_cache:
            self.prefetch_service.start()
        if self.worker is not None and self.worker.starts_draining:
            self.drain()

    async def start_admin(self) -> None:
        """Open the operators' port."""
        door = Door(Admin(self).application(), admin_limits(self.settings), self.settings.drain)
        self.admin_address = await door.open(self.settings.admin, "admin")
        self._admin = door

    @property
    def _follows_control(self) -> bool:
        """Whether control's rules apply here: not at a shield, which sees edges instead of viewers."""
        return bool(self.settings.control) and self.settings.role != "shield"

    @property
    def fleet_state(self) -> FleetState | None:
        """What control said; None without control."""
        return self.subscriber.state if self.subscriber is not None else None

    def _apply_from_control(self, state: FleetState) -> None:
        self.apply_state(state)
        if self.owner is not None:
            self.owner.hub.send_state()

    async def _until_in_force(self) -> None:
        if self.owner is not None:
            await self.owner.hub.fence()

    async def refresh_counts(self) -> None:
        """Make `counts` those of the node up to now."""
        if self.owner is not None:
            await self.owner.hub.collect_counts()

    def apply_state(self, state: FleetState) -> None:
        """Put new rules and keys from control in force, from the next request on."""
        # Rules already in force must not be applied again: grants that new settings ended would hold again.
        if self._follows_control and state.rules is not self._rules:
            self.node.rules = self._rules = state.rules
        if self.node.memo is not None:
            self.node.memo.use_keys(state.keys)
        self.live.put_in_force(state)
        self.prefetch_service.apply_hot_list(state.documents.get(HOT))

    def reload(self, *parts: str) -> None:
        """SIGHUP: reload every part (these, if some are named), each on its own, in all processes of the node."""
        self.tasks.spawn(self._reload(parts))

    async def _reload(self, parts: Sequence[str]) -> None:
        await self.reload_node(parts)

    async def reload_node(self, parts: Sequence[str] = PARTS) -> dict[str, str]:
        """Reload parts; returns those that failed in any process of the node, and why, once all have tried."""
        parts = parts or PARTS
        self.reloader.reload(*parts)
        failed = {part: why for part, why in self.reloader.failed.items() if part in parts}
        if self.owner is not None:
            failed = await self.owner.reload(parts) | failed
            self.reloader.failed.update(failed)
        return failed

    def drain(self) -> None:
        """Stop accepting; `drained` is set when the last response is complete."""
        if not self.draining:
            self.draining = self.connection_limits.closed = True
            self.listener.close()
            if self.owner is not None and not self._stopping:
                self.owner.hub.send_drain(True)
                if isinstance(self.network, SharedSockets):
                    self.network.stop_listening()
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
            await self.listener.open(self.network, self.address, self.tls.context if self.tls is not None else None)
        except BadSettings:
            self.draining = self.connection_limits.closed = True
            raise
        if self.draining:  # drained again while the socket was opened
            self.listener.close()
        elif self.owner is not None:
            self.owner.hub.send_drain(False)

    @property
    def _has_viewers(self) -> bool:
        if any(not connection.parted for connection in self.handler.connections):
            return True
        return self.owner is not None and (
            self.owner.relayed.is_busy or (self._stopping and self.owner.hub.workers > 0)
        )

    def _check_drained(self) -> None:
        if not self.draining:
            return
        if self._has_viewers:
            self.clock.call_later(0.05, self._check_drained)
        else:
            self.drained.set()

    def prepare_stop(self) -> None:
        """Wait for nothing more: `stop` follows."""
        self._stopping = True
        if self.worker is not None:
            self.worker.follower.has_rules.set()

    async def stop(self) -> None:
        """Release what a successor needs at once, drain within the limit, then end everything."""
        self._stopping = True
        self.drain()
        await self._hand_over()
        if self.handler.connections or self._has_viewers:
            limit = self.clock.call_later(self.settings.drain, self.drained.set)
            await self.drained.wait()
            limit.cancel()
        async with AsyncExitStack() as ends:  # runs from the last line to the first, whatever fails
            if self.disk is not None and self.owns_cache:
                ends.callback(self.disk.close)
            if self.owner is not None:
                ends.callback(self.owner.close)
            if self.worker is not None:
                ends.callback(self.worker.stop)
            ends.callback(self.locator.close)
            if self.log is not None:
                ends.callback(self.log.close)
            ends.push_async_callback(self.tasks.stop, grace=0.5 if self.subscriber is None else 0.0)
            ends.callback(self.upstreams.close)
            if self._admin is not None:
                ends.push_async_callback(self._admin.close)
            if self._timer is not None:
                ends.callback(self._timer.cancel)
            if self.tls is not None:
                ends.callback(self.tls.stop)
            ends.callback(self.connection_limits.cut_handshakes)
            ends.callback(self.listener.abort_connections)

    async def release(self) -> None:
        """A successor needs what this process holds; viewers are served until it has started."""
        await self._hand_over()

    async def _hand_over(self) -> None:
        """Release the fleet's stream, the admin port and the cache folder for a successor with the same settings.
        Running responses go on from RAM, from open files and from upstream."""
        if not self.owns_cache:
            return
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

    async def _release(self, link: SupervisorLink) -> None:
        await self.release()
        link.send(released=True)

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
