"""Settings pushed by control: put in force as a whole, between two requests, or refused with the setting's name.

A document overrides the settings that the edge was started with; without a document those hold. `prepare` does
everything that can fail, and `put_in_force` only swaps prepared parts, so it cannot fail halfway. Requests under way
end as they began; what was remembered under the old routes is forgotten. None of this costs a hit anything.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple, Protocol

import structlog

from cache.disk.tier import DiskTier
from cache.eviction.admission import ADMISSIONS
from edge.fill.fetch import Fetcher
from edge.fleet.apply import FleetState
from edge.policy.authorise import Node, TokenMemo
from edge.policy.configured_routes import routes_of
from edge.policy.route import Routes
from edge.prefetch.service import PrefetchService
from edge.serve.connection_limits import ConnectionLimits
from edge.serve.handler import RequestHandler
from edge.serve.listener import ViewerListener, timeouts_of
from edge.settings import EdgeSettings
from edge.upstreams.config import UpstreamConfig, config_of
from edge.upstreams.selector import Upstreams
from edge.wire.upload import BodyBudget
from kernel.auth.signing_keys import KeySet
from kernel.errors import BadSettings
from kernel.fleet.messages import SETTINGS
from kernel.settings.live_settings import NAMES, values

SOURCE = "from control"
_FIELDS = tuple(field.name for field in dataclasses.fields(EdgeSettings))

logger = structlog.get_logger("edge")


class PreparedSettings(NamedTuple):
    """What a document amounts to on this node."""

    document: Mapping[str, object]
    settings: EdgeSettings
    routes: Routes
    upstreams: UpstreamConfig


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
    """The live settings of an edge."""

    def __init__(self, edge: ConfigurableEdge) -> None:
        self._edge = edge
        self._start = edge.settings
        self._in_force: Mapping[str, object] = {}
        self._next: PreparedSettings | None = None

    def restart_from(self, read: EdgeSettings, keys: KeySet) -> None:
        """Put the live settings of a configuration that was read again in force, below what control pushed. `keys`: in
        force if tokens are needed from now on. Raises BadSettings if it cannot be followed, and, once all live settings
        are in force, if others have changed too: those need a restart."""
        changed = [name for name in _FIELDS if getattr(read, name) != getattr(self._start, name)]
        start = dataclasses.replace(self._start, **{name: getattr(read, name) for name in changed if name in NAMES})
        prepared = prepare_settings(start, self._in_force)
        self._put_in_force(prepared, keys)
        self._start = start
        fixed = [name for name in changed if name not in NAMES]
        if fixed:
            others = f" (and {', '.join(fixed[1:])})" if fixed[1:] else ""
            raise BadSettings(fixed[0], f"has changed{others}: it needs a restart; the other settings are in force")

    def prepare(self, state: FleetState) -> None:
        """Prepare the state's settings. Raises BadSettings if this node cannot follow them."""
        document = state.documents.get(SETTINGS, {})
        self._next = prepare_settings(self._start, document) if document != self._in_force else None

    def put_in_force(self, state: FleetState) -> None:
        """Put in force what was prepared for this state."""
        prepared, self._next = self._next, None
        if prepared is not None and prepared.document == state.documents.get(SETTINGS, {}):
            self._put_in_force(prepared, state.keys)
            self._in_force = prepared.document
            logger.info("settings-in-force", settings=sorted(prepared.document))

    def _put_in_force(self, prepared: PreparedSettings, keys: KeySet) -> None:
        edge, node, settings, before = self._edge, self._edge.node, prepared.settings, self._edge.settings
        edge.settings = settings
        node.honours_directives = settings.request_directives == "honour"
        if not prepared.routes.any_needs_token:
            node.memo = None
        elif node.memo is None:
            node.memo = TokenMemo(keys)
        edge.handler.use_routes(prepared.routes)
        edge.upstreams.configure(*prepared.upstreams)
        edge.fetcher.set_max_object(settings.max_object)
        edge.fetcher.wait = settings.fill_wait
        edge.fetcher.stale_wait = settings.stale_wait
        edge.connection_limits.settings = settings
        edge.bodies.max_bytes = settings.body_memory
        edge.prefetch_service.configure(settings)
        edge.listener.timeouts = timeouts_of(settings)
        if edge.disk is not None and settings.admission != before.admission:
            edge.disk.admission = ADMISSIONS[settings.admission](settings.disk, settings.admission_memory)
