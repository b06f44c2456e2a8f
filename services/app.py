"""Builds the services from their parts; no other module imports all of them.

Over 300 lines because every part is built here, in a few lines each.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from secrets import token_bytes
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import structlog
from aiohttp import web

from kernel.auth.signing_keys import SigningKey, generate_ed25519_pem
from kernel.clock import Clock
from kernel.errors import BadSettings, StorageFailed
from kernel.vocabulary import Tier
from rpc.supervised import TaskSupervisor
from services.adapters.catalogue import (
    CatalogueForControl,
    CatalogueForPlayback,
    CatalogueForSearch,
)
from services.adapters.events import EventsForPlayback
from services.adapters.users import MaturityLimits, UsersForPlayback, as_access_verifier
from services.analytics_assembly import build_analytics, build_forwarder
from services.catalogue.feed import ChangeFeed
from services.catalogue.origin_poll import LibraryPoller
from services.catalogue.routes import CatalogueRoutes
from services.catalogue.store import CatalogueStore
from services.counters import Counters
from services.credentials import load_signing_key, make_authenticator, make_mailer, read_text
from services.events.personal_data import EventsOfPerson
from services.events.routes import EventRates, EventRoutes
from services.events.segment_log import EventAppender, Retention, SegmentLog
from services.fleet.identity import make_identity
from services.fleet.licence_sync import LicenceSync
from services.fleet.signing_key import KeyPublisher
from services.gateway.assets import AssetLibrary
from services.gateway.origin import OriginClient
from services.gateway.pages import PageRoutes
from services.gateway.proxy import Gateway
from services.http.geo import CountryLookup, open_geo_database
from services.http.maturity import MaturityLimit, no_limit
from services.http.middleware import ROUTES, Middleware
from services.http.own_routes import own_routes
from services.http.params import MAX_BODY_BYTES
from services.http.route import Route
from services.peers import PeerClient, PeerEvents, PeerRoutes
from services.playback.drm.drm_service import open_drm
from services.playback.routing.edges import EdgeFinder
from services.playback.routing.signals import SessionSignals
from services.playback.routing.steering import SteeringRoutes
from services.playback.sessions.account_changes import AccountChanges
from services.playback.sessions.end_watchers import EndWatchers
from services.playback.sessions.move_routes import MoveRoutes
from services.playback.sessions.personal_data import PlaybackPersonalData
from services.playback.sessions.playback_sessions import PlaybackSessions
from services.playback.sessions.revocation import RevocationPusher
from services.playback.sessions.session import MISSED_HEARTBEATS
from services.playback.sessions.session_routes import SessionRoutes
from services.playback.sessions.session_store import SWEEP_SECONDS, SessionStore
from services.playback.sessions.store import PlaybackStore
from services.playback.start.eligibility import max_token_lifetime
from services.playback.start.start_response import TokenSigning
from services.playback.start.start_routes import StartRoutes
from services.playback.viewer import ViewerFinder, ViewerPlan
from services.retention import RetentionJob, RetentionRule
from services.settings import ServicesSettings, check_settings, door_rules
from services.storage.location import locate_database, read_password
from services.storage.secrets_file import read_or_create
from services.users.access_token import AccessTokens
from services.users.account import Plan
from services.users.leaving import Leaving, PersonalData, erasure_order
from services.users.passwords import PasswordThreads
from services.users.routes import UserRoutes
from services.users.service import UserPolicy, UserService
from services.users.store.user_store import UserStore
from system.sealing import load_sealing_keys

if TYPE_CHECKING:
    from rpc.control_client import ControlClient
    from services.search.routes import SearchRoutes

log = structlog.get_logger()

STATS_SECONDS = 5.0
HOLDS_PERSONAL_DATA = ("playback", "events", "analytics", "search", "recommend")
"""The parts that export and forget a person when the part `users` asks."""
WINDOW_SECONDS = 1.0
"""How late search, recommendations and control may see that a licence window has opened or closed."""

Task = Callable[[], Coroutine[Any, Any, None]]
"""A background task that runs for as long as the application serves."""


@dataclass
class Services:
    """The services of one process: an HTTP application and its background tasks."""

    application: web.Application
    supervised: TaskSupervisor
    """Runs and restarts the tasks."""
    tasks: list[Task] = field(default_factory=list)
    ready: list[asyncio.Event] = field(default_factory=list)
    """All must be set before the process reports ready."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when load balancers should stop sending viewers."""


async def build_services(settings: ServicesSettings, clock: Clock, stack: AsyncExitStack) -> Services:
    """Build the parts that the settings select; `stack` closes them. Raises BadSettings, StorageFailed."""
    check_settings(settings)
    builder = _Builder(settings, clock, stack)
    await builder.open()
    return await builder.build()


class _Builder:
    """Builds the parts one by one; each part adds its routes and tasks."""

    def __init__(self, settings: ServicesSettings, clock: Clock, stack: AsyncExitStack) -> None:
        self.settings = settings
        self.clock = clock
        self.stack = stack
        self.counters = Counters()
        self.authenticator = make_authenticator(settings)
        self.countries = CountryLookup(open_geo_database(settings.geo), settings.default_country)
        self.signing_key = load_signing_key(settings)
        self.store = CatalogueStore(locate_database(settings, "catalogue"))
        self.feed = ChangeFeed(self.store)
        self.identity = make_identity(settings, clock)
        self.personal_data: list[PersonalData] = []
        self.retention: list[RetentionRule] = []
        self.events: SegmentLog | None = None
        self.users: UserService | None = None
        self.search: SearchRoutes | None = None
        self.routes: list[Route] = []
        self.tasks: list[Task] = [self.feed.watch]
        self.ready: list[asyncio.Event] = []
        self.stopping = asyncio.Event()

    async def open(self) -> None:
        """Open what all parts use: the catalogue's store and the HTTP client."""
        await self.store.open()
        self.stack.push_async_callback(self.store.close)
        self.client = await self.stack.enter_async_context(aiohttp.ClientSession(auto_decompress=False))
        self.peers = [PeerClient(self.client, url, self.authenticator.api_key) for url in self.settings.peers]

    async def build(self) -> Services:
        """Build all parts that this process runs."""
        settings = self.settings
        if self.identity is not None:
            self.tasks.append(self.identity.run)
        if settings.control and (settings.runs("catalogue") or settings.runs("playback")):
            self.tasks.append(self._publish_key)
        self._events()
        self._analytics()
        if settings.runs("users") or settings.runs("playback"):
            await self._users()
        if settings.runs("catalogue"):
            self._catalogue()
        if settings.runs("playback"):
            await self._playback()
        if settings.runs("search"):
            await self._search()
        if settings.runs("recommend"):
            await self._recommend()
        if settings.runs("gateway"):
            self._gateway()
        self.routes += PeerRoutes(sorted(self.personal_data, key=erasure_order), self.events).routes()
        self.tasks.append(RetentionJob(self.retention, self.clock).run)
        self.routes += own_routes(self.counters, self.ready, self.stopping, self.routes)
        wrapper = Middleware(
            self.authenticator,
            self.countries,
            settings.trusted_proxies,
            self.clock,
            self.counters,
            door_rules(settings),
        )
        application = web.Application(middlewares=[wrapper.middleware()], client_max_size=MAX_BODY_BYTES)  # type: ignore[list-item]
        table = application[ROUTES] = {}
        for route in self.routes:
            for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
                table[application.router.add_route(method, route.path, route.handler)] = route
        told = self.counters.task_failures
        supervised = TaskSupervisor(self.clock.mono, on_failure=lambda name: told.labels(name).inc())
        return Services(application, supervised, self.tasks, self.ready, self.stopping)

    def _catalogue(self) -> None:
        settings = self.settings
        self.routes += CatalogueRoutes(self.store, self.feed.notify_change, self.clock, self._maturity_limit()).routes()
        self.tasks += [self._count_titles, self._apply_windows]
        if settings.origin:
            poll = LibraryPoller(
                self.client,
                settings.origin,
                self.store,
                self.feed.notify_change,
                self.counters,
                self.clock,
                settings.origin_poll,
            )
            self.tasks.append(poll.run)
            self.routes += poll.routes()
        if settings.control:
            self.tasks.append(self._sync_licences)

    async def _publish_key(self) -> None:
        async with self._control_client() as control:
            await KeyPublisher(
                control, self.signing_key, self.settings.id, max_token_lifetime(self.settings.token_ttl)
            ).run()

    async def _sync_licences(self) -> None:
        async with self._control_client() as control:
            source = f"catalogue-{self.store.epoch}"
            changes = CatalogueForControl(self.store, self.feed)
            await LicenceSync(control, changes, source, self.counters).run()

    async def _apply_windows(self) -> None:
        """Open and close licence windows when they are due, for ever."""
        while True:
            try:
                if await self.store.apply_due_windows(self.clock.wall()):
                    self.feed.notify_change()
            except StorageFailed as error:
                log.warning("licence-windows-not-applied", error=str(error))
            await asyncio.sleep(WINDOW_SECONDS)

    def _maturity_limit(self) -> MaturityLimit:
        return no_limit if self.users is None else MaturityLimits(self.users.store, self.clock.mono)

    async def _count_titles(self) -> None:
        while True:
            titles, playable = await self.store.count()
            self.counters.titles.set(titles)
            self.counters.playable_titles.set(playable)
            await asyncio.sleep(STATS_SECONDS)

    async def _playback(self) -> None:
        settings = self.settings
        store = self._session_store()
        await store.open()
        self.stack.push_async_callback(store.close)
        users = None if self.users is None else UsersForPlayback(self.users.store)
        guests = ViewerPlan(Tier(settings.guest_tier), settings.guest_streams) if settings.guest_tier else None
        viewers = ViewerFinder(users, guests)
        watchers = EndWatchers(self.clock, self.stopping)
        sessions = PlaybackSessions(store, viewers, self.clock, self._playback_log(), watchers.notify)
        if self.users is not None:
            self.users.leaving.playing = AccountChanges(
                sessions, viewers, CatalogueForPlayback(self.store, self.clock), self.clock, self._silent_after
            )
            self.tasks.append(self.users.leaving.follow_ends)
        self.personal_data.append(PlaybackPersonalData(sessions))
        self.retention.append(RetentionRule("positions", settings.positions_keep, store.delete_positions))
        signing = TokenSigning(self.signing_key, settings.region, settings.token_ttl)
        catalogue = CatalogueForPlayback(self.store, self.clock)
        control, signals = await self._routing()
        finder = EdgeFinder(control, settings.edges, settings.region, self.clock, self.counters)
        drm = await open_drm(settings, sessions, self.client, self.clock, self.counters, self.stack)
        self.routes += drm.routes()
        self.tasks.append(drm.reseal_keys)
        self.routes += StartRoutes(
            catalogue, viewers, sessions, drm.licence_info, signing, finder, self.clock, self.counters,
            settings.heartbeat_interval,
        ).routes()  # fmt: skip
        self.routes += MoveRoutes(sessions, self.clock, signals).routes()
        self.routes += SessionRoutes(sessions, watchers, self.clock).routes()
        self.routes += SteeringRoutes(catalogue, finder, self.client, settings.steering_ttl, self.counters).routes()
        self.tasks += [
            watchers.run,
            partial(watchers.follow, store.ended_of),
            sessions.writes.run,
            partial(self._sweep, store),
        ]
        if control is not None:
            self.tasks.append(RevocationPusher(store, control, sessions.revoked, self.clock).run)

    def _playback_log(self) -> EventsForPlayback | None:
        if self.events is not None:
            return EventsForPlayback(self.events)
        if self.peers:
            return EventsForPlayback(PeerEvents(self.peers))
        log.warning("playback-events-not-stored", why="this process has no part `events`, and `peers` names no other")
        return None

    def _event_log(self) -> EventAppender | None:
        """Where events go: this process's log, or that of another one."""
        return self.events or (PeerEvents(self.peers) if self.peers else None)

    def _session_store(self) -> SessionStore:
        settings = self.settings
        if settings.valkey is None:
            return PlaybackStore(locate_database(settings, "playback"), settings.max_sessions, self._silent_after)
        from services.playback.sessions.valkey_store import ValkeyStore

        password = read_password("valkey_password_file", settings.valkey_password_file)
        return ValkeyStore(settings.valkey, password, self._silent_after, settings.max_sessions)

    @property
    def _silent_after(self) -> float:
        return MISSED_HEARTBEATS * self.settings.heartbeat_interval

    async def _routing(self) -> tuple[ControlClient | None, SessionSignals | None]:
        """The client that selects edges, and the sink of session signals; None without control."""
        if not self.settings.control:
            return None, None
        control = await self.stack.enter_async_context(self._control_client())
        signals = SessionSignals(control, self.clock)
        self.tasks.append(signals.run)
        return control, signals

    def _control_client(self) -> ControlClient:
        from rpc.control_client import ControlClient

        return ControlClient(str(self.settings.control), identity=self.identity)

    async def _sweep(self, store: SessionStore) -> None:
        while True:
            self.counters.sessions.set(await store.delete_expired(self.clock.wall()))
            await asyncio.sleep(SWEEP_SECONDS)

    def _events(self) -> None:
        settings = self.settings
        if not settings.runs("events"):
            return
        retention = Retention(settings.events_keep, settings.events_max_bytes)
        rates = EventRates(settings.events_per_address, settings.events_rate)
        events = SegmentLog(settings.data / "events", self.clock, retention)
        events.open()
        self.stack.callback(events.close)
        self.routes += EventRoutes(events, self.clock, self.counters, rates).routes()
        self.tasks.append(events.run)
        if settings.kafka is not None:
            self.tasks.append(build_forwarder(settings, self.clock).run)
        self.personal_data.append(EventsOfPerson(events))
        self.events = events

    def _analytics(self) -> None:
        if not self.settings.runs("analytics"):
            return
        built = build_analytics(self.settings, self.clock, self.counters)
        if built is None:
            return
        self.routes += built.routes
        self.tasks += built.tasks
        self.retention += built.retention
        self.personal_data.append(built.service)

    async def _users(self) -> None:
        settings = self.settings
        lookup = read_or_create(settings.data / "email-lookup.key", lambda: token_bytes(32).hex().encode(), "data")
        keys = settings.personal_keys
        sealing = load_sealing_keys(keys, "personal_keys", os.environ) if keys else None
        store = UserStore(locate_database(settings, "users"), lookup.strip(), sealing)
        await store.open()
        self.stack.push_async_callback(store.close)
        passwords = PasswordThreads()
        self.stack.callback(passwords.close)
        pem = read_or_create(settings.data / "accounts.pem", generate_ed25519_pem, "data")
        policy = UserPolicy(Plan(Tier(settings.signup_tier), settings.signup_streams), settings.login_ttl)
        mailer = make_mailer(settings, self.clock)
        service = UserService(
            store, passwords, AccessTokens(SigningKey.from_pem(pem)), self.clock, policy,
            Leaving(store, self.clock, self.personal_data, self.peers), mailer.send_reset if mailer else None,
        )  # fmt: skip
        self.users = service
        self.tasks.append(service.follow_revocations)
        if settings.runs("users"):
            self.routes += UserRoutes(service).routes()
            self.tasks += [service.leaving.finish_erasures, service.keep_house]
            self.retention.append(RetentionRule("devices", settings.device_ttl, store.delete_unseen_devices))
            self.retention.append(RetentionRule("log-ins", 0.0, store.delete_expired))
            missing = [part for part in HOLDS_PERSONAL_DATA if not settings.runs(part)]
            if missing and not self.peers:
                log.warning("erasure-incomplete", why="`peers` does not name the other processes", parts=missing)
        if mailer is not None:
            self.tasks.append(mailer.run)
        if settings.oidc_issuer is not None and settings.runs("users"):
            self.routes += _make_oidc_routes(settings, service, lookup, self.clock)
        self.authenticator = replace(self.authenticator, verify_access=as_access_verifier(service))

    async def _search(self) -> None:
        from services.search.index.generations import Generations
        from services.search.learning.learning import Learning
        from services.search.learning.store import LearningStore
        from services.search.operator_routes import SearchOperatorRoutes
        from services.search.routes import SearchRoutes
        from services.search.service import SearchService

        settings = self.settings
        store = LearningStore(locate_database(settings, "search"))
        await store.open()
        self.stack.push_async_callback(store.close)
        self.personal_data.append(store)
        titles = CatalogueForSearch(self.store, self.feed)
        folder = Generations(settings.data / "search")
        service = SearchService(titles, folder, self.counters, self.clock, settings.search_cutoff)
        learning = Learning(store, self.clock)
        self.stack.callback(service.close)
        self.search = SearchRoutes(service, learning, self._maturity_limit())
        self.routes += self.search.routes()
        self.routes += SearchOperatorRoutes(service, learning).routes()
        self.tasks += [service.run, service.keep_table, learning.run]
        self.ready.append(service.ready)

    async def _recommend(self) -> None:
        from services.recommend_assembly import Surroundings, build_recommend

        around = Surroundings(
            self.clock, self.counters, self.stack, self.store, self.feed, self.users, self.events, self._event_log()
        )
        built = await build_recommend(self.settings, around)
        self.routes += built.routes
        self.tasks += built.tasks
        if self.search is not None:
            self.search.taste = built.favourites.find
            self.search.report_click = built.clicks.report
            self.search.watched = built.watched
        self.ready += built.ready
        self.personal_data += [built.impressions, built.store]
        self.retention.append(RetentionRule("feedback", self.settings.feedback_keep, built.store.delete_before))

    def _gateway(self) -> None:
        settings = self.settings
        origin = OriginClient(
            self.client,
            settings.origin,
            settings.region,
            read_password("origin_key_file", settings.origin_key_file) or "",
        )
        catalogue = CatalogueForPlayback(self.store, self.clock)
        self.routes += PageRoutes(
            origin, catalogue, AssetLibrary(), settings.edges, self.authenticator, self.clock,
            settings.data / "artwork", urlsplit(settings.oidc_issuer).hostname if settings.oidc_issuer else None,
        ).routes()  # fmt: skip
        self.routes += Gateway(origin, settings.edges).routes()


def _make_oidc_routes(
    settings: ServicesSettings, service: UserService, shared: bytes, clock: Clock
) -> tuple[Route, ...]:
    try:
        from services.users.oidc import OidcClient, OidcSettings
    except ModuleNotFoundError as error:
        raise BadSettings("oidc_issuer", f"needs the extra `oidc` (pip install matinee[oidc]): {error}") from None
    from services.users.oidc_routes import PATH, OidcRoutes

    path, public = settings.oidc_client_secret_file, (settings.public_url or "").rstrip("/")
    secret = "" if path is None else read_text(path, "oidc_client_secret_file")
    provider = OidcSettings(
        settings.oidc_issuer or "", settings.oidc_client_id or "", secret, f"{public}{PATH}/callback"
    )
    return OidcRoutes(service, OidcClient(provider, shared, clock), f"{public}/#welcome").routes()
