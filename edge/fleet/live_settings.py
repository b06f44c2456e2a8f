"""Settings that control pushes: in force at once, as a whole, between two requests; or refused by the setting's name.

A document lies over what the edge was started with; without one it is as it was started. Whatever could be refused is
worked out first (`accepts`), so that `take` only puts ready parts in place: it cannot fail half way. What runs goes on
to its end as it began; what was remembered under other routes is no more. Nothing of it costs a hit anything.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple, Protocol

import structlog

from cache.disk.tier import DiskTier
from cache.eviction.admission import ADMISSIONS
from edge.fill.fetch import Fetcher
from edge.fleet.apply import State
from edge.policy.authorise import Node, TokenMemo
from edge.policy.routes import Routes, routes_of
from edge.prefetch.service import PrefetchService
from edge.serve.connection_limits import ConnectionLimits
from edge.serve.handler import RequestHandler
from edge.serve.listener import ViewerListener, timeouts_of
from edge.settings import EdgeSettings
from edge.upstreams.config import UpstreamConfig, config_of
from edge.upstreams.selector import Upstreams
from edge.wire.upload import BodyBudget
from kernel.errors import BadSettings
from kernel.fleet.messages import SETTINGS
from kernel.settings.live_settings import values

SOURCE = "from control"

logger = structlog.get_logger("edge")


class PreparedSettings(NamedTuple):
    """What a document comes to on this node."""

    document: Mapping[str, object]
    settings: EdgeSettings
    routes: Routes
    wiring: UpstreamConfig


def prepare_settings(start: EdgeSettings, document: Mapping[str, object]) -> PreparedSettings:
    """The parts that follow from a document. Raises BadSettings naming what this node cannot follow."""
    try:
        settings = dataclasses.replace(start, **values(document))
        return PreparedSettings(document, settings, routes_of(settings), config_of(settings))
    except BadSettings as error:
        raise BadSettings(error.setting, error.why, error.source or SOURCE) from None


class ConfigurableEdge(Protocol):
    """The parts of an edge that follow live settings."""

    settings: EdgeSettings
    node: Node
    handler: RequestHandler
    upstreams: Upstreams
    fetcher: Fetcher
    connection_limits: ConnectionLimits
    bodies: BodyBudget
    prefetch_service: PrefetchService
    listener: ViewerListener
    disk: DiskTier | None


class LiveSettings:
    """The settings in force on an edge."""

    def __init__(self, edge: ConfigurableEdge) -> None:
        self._edge = edge
        self._start = edge.settings
        self._in_force: Mapping[str, object] = {}
        self._next: PreparedSettings | None = None

    def accepts(self, state: State) -> None:
        """Make ready what the state's settings come to; BadSettings when this node cannot follow them."""
        document = state.documents.get(SETTINGS, {})
        self._next = prepare_settings(self._start, document) if document != self._in_force else None

    def take(self, state: State) -> None:
        """Put in force what was made ready for this state."""
        following, self._next = self._next, None
        if following is not None and following.document == state.documents.get(SETTINGS, {}):
            self._put_in_force(following, state)
            self._in_force = following.document
            logger.info("settings from control are in force", settings=sorted(following.document))

    def _put_in_force(self, following: PreparedSettings, state: State) -> None:
        edge, node, settings, before = self._edge, self._edge.node, following.settings, self._edge.settings
        edge.settings = settings
        node.honours = settings.request_directives == "honour"
        if not following.routes.ask_tokens:
            node.memo = None
        elif node.memo is None:
            node.memo = TokenMemo(state.keys)
        edge.handler.use_routes(following.routes)
        edge.upstreams.use(*following.wiring)
        edge.fetcher.set_max_object(settings.max_object)
        edge.fetcher.wait = settings.fill_wait
        edge.fetcher.stale_wait = settings.stale_wait
        edge.connection_limits.settings = settings
        edge.bodies.max_bytes = settings.body_memory
        edge.prefetch_service.follow(settings)
        edge.listener.timeouts = timeouts_of(settings)
        if edge.disk is not None and settings.admission != before.admission:
            edge.disk.admission = ADMISSIONS[settings.admission](settings.disk, settings.admission_memory)
