"""Builds the recommendations from their parts, for the process that serves them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from random import SystemRandom
from typing import Any

from kernel.clock import Clock
from services.adapters.catalogue import CatalogueForRecommend
from services.adapters.events import EventsForRecommend, RecommendEvents
from services.adapters.users import UsersForRecommend
from services.catalogue.feed import ChangeFeed
from services.catalogue.store import CatalogueStore
from services.counters import Counters
from services.events.segment_log import EventAppender, SegmentLog
from services.http.route import Route
from services.recommend.clicks import Clicks
from services.recommend.experiments.impressions import Impressions
from services.recommend.experiments.registry import ExperimentRegistry
from services.recommend.experiments.routes import ExperimentRoutes
from services.recommend.experiments.treated_lists import TreatedLists
from services.recommend.favourites import Favourites
from services.recommend.followers import RecommendFollowers
from services.recommend.operator_routes import RecommendOperatorRoutes
from services.recommend.routes import RecommendRoutes
from services.recommend.service import RecommendPolicy, RecommendService
from services.recommend.signals import SignalReader
from services.recommend.store import FeedbackStore
from services.recommend.training.schedule import TrainingSchedule
from services.recommend.training.versions import MODELS_FOLDER, ModelVersions
from services.recommend.viewers import ViewerDirectory
from services.settings import ServicesSettings
from services.storage.location import locate_database
from services.training.training_process import run_training
from services.users.service import UserService


@dataclass(frozen=True)
class Surroundings:
    """What the recommendations use of the process that they run in; `users` and `events` where it runs those."""

    clock: Clock
    counters: Counters
    stack: AsyncExitStack
    catalogue: CatalogueStore
    feed: ChangeFeed
    users: UserService | None
    events: SegmentLog | None
    event_log: EventAppender | None
    """Where this process appends: its own log, or another process's."""


@dataclass
class BuiltRecommend:
    """The routes and tasks of the recommendations, and what must be set before they are ready."""

    store: FeedbackStore
    impressions: Impressions
    favourites: Favourites
    clicks: Clicks
    watched: Callable[[str | None, int], Mapping[str, float]]
    routes: tuple[Route, ...]
    tasks: list[Callable[[], Coroutine[Any, Any, None]]] = field(default_factory=list)
    ready: list[asyncio.Event] = field(default_factory=list)


async def build_recommend(settings: ServicesSettings, around: Surroundings) -> BuiltRecommend:
    """Build them; the stack closes what they open. Raises StorageFailed."""
    clock, counters = around.clock, around.counters
    store = FeedbackStore(locate_database(settings, "recommend"))
    await store.open()
    around.stack.push_async_callback(store.close)
    policy = RecommendPolicy(
        settings.recommend_deadline,
        settings.recommend_memory,
        settings.recommend_diversity / 100,
        settings.trend_half_life,
    )
    service = RecommendService(store, clock, counters, policy)
    versions = ModelVersions(settings.data / MODELS_FOLDER)
    titles = CatalogueForRecommend(around.catalogue, around.feed)
    followers = RecommendFollowers(service, titles, store, versions, clock, counters)
    viewers = ViewerDirectory(UsersForRecommend(around.users.store) if around.users else None, clock)
    favourites = Favourites(service, viewers, clock)
    seen = _make_lists(settings, around, service, store, viewers)
    built = BuiltRecommend(store, seen.impressions, favourites, seen.clicks, service.watched, seen.routes)
    built.tasks += [
        followers.follow_titles,
        followers.follow_events,
        followers.follow_models,
        followers.refresh_sets,
        service.writes.run,
        *seen.tasks,
    ]
    built.ready += [service.ready, followers.model_checked]
    if around.events is not None:
        signals = EventsForRecommend(around.events, around.events.cursors, clock)
        built.tasks.append(SignalReader(signals, store, clock).run)
    if settings.train_every > 0:
        train = partial(run_training, settings)
        built.tasks.append(TrainingSchedule(store, versions, clock, counters, train, settings.train_every).run)
    return built


@dataclass(frozen=True)
class _Lists:
    """The routes of lists, and what runs for their experiments."""

    routes: tuple[Route, ...]
    tasks: tuple[Callable[[], Coroutine[Any, Any, None]], ...]
    clicks: Clicks
    impressions: Impressions


def _make_lists(
    settings: ServicesSettings,
    around: Surroundings,
    service: RecommendService,
    store: FeedbackStore,
    viewers: ViewerDirectory,
) -> _Lists:
    clock = around.clock
    written = None if around.event_log is None else RecommendEvents(around.event_log)
    registry = ExperimentRegistry(store.experiments, settings.experiment_holdout / 100)
    impressions = Impressions(written, clock, around.counters, settings.recommend_impressions / 100)
    exploration = settings.recommend_exploration / 100
    lists = TreatedLists(service, registry, impressions, clock, exploration, SystemRandom().random)
    routes = (
        *RecommendRoutes(service, lists, viewers, store.curation, written, clock).routes(),
        *ExperimentRoutes(store.experiments, registry, clock).routes(),
        *RecommendOperatorRoutes(service, store, lists.census, clock).routes(),
    )
    return _Lists(routes, (registry.run, impressions.run), Clicks(service, viewers, written, clock), impressions)
