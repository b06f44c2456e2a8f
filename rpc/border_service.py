"""The border, for what services ask of control, and for what control answers them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from kernel.settings.table import parse_address
from rpc.bounds import (
    MAX_WORD,
    BorderError,
    content_id_of,
    few,
    finite_of,
    line_of,
    node_id_of,
    rendition_of,
    text_of,
    whole_of,
    word_of,
)
from rpc.v1 import control_pb2 as pb

MAX_TITLES = 5_000
"""In one message."""
MAX_SIGNALS = 1_000
MAX_CHOICES = 64
MAX_SESSION = 128
MAX_ADDRESS = 300
MAX_EVENTS = 1_000_000
"""Requests, or errors, of one session at one edge."""
MAX_STALLED = 86_400.0
MAX_TTL = 3_600.0
MAX_DOCUMENT = 1 << 20
MAX_STATUS_EDGES = 20_000


@dataclass(frozen=True, slots=True)
class RouteAsked:
    """A question which edges a session should use."""

    content_id: str
    rendition: str
    country: str
    region: str
    session: str
    without: frozenset[str]
    most: int


@dataclass(frozen=True, slots=True)
class TitlesPut:
    """Licences to be set, JSON by contentId, and titles to be forgotten; `source` with its `cursor`, or ""."""

    titles: tuple[tuple[str, bytes], ...]
    removed: tuple[str, ...]
    source: str
    cursor: int
    more: bool


@dataclass(frozen=True, slots=True)
class EdgeNamed:
    """An edge to use: HOST:PORT, the regions it serves, and why it has its place; `why` begins with its standing."""

    id: str
    address: str
    region: str
    why: str


@dataclass(frozen=True, slots=True)
class Routed:
    """The edges to use, best first, and the seconds until to ask again."""

    edges: tuple[EdgeNamed, ...]
    ttl: float


@dataclass(frozen=True, slots=True)
class Met:
    """What a session met at an edge (its id, or HOST:PORT) of late; `stalled` in seconds."""

    edge: str
    session: str
    requests: int = 0
    errors: int = 0
    stalled: float = 0.0


def route_from_wire(request: pb.RouteRequest) -> RouteAsked:
    """What a service asks. Raises BorderError."""
    few(request.without, "edges to be left out", MAX_CHOICES)
    return RouteAsked(
        content_id_of(request.content_id),
        rendition_of(request.rendition),
        line_of(request.country, "country", MAX_WORD),
        line_of(request.region, "region", MAX_WORD),
        line_of(request.session, "session", MAX_SESSION),
        frozenset(line_of(name, "without", MAX_WORD) for name in request.without),
        whole_of(request.most, "most", 2**31),
    )


def routed_from_wire(reply: pb.RouteReply) -> Routed:
    """What control answers. Raises BorderError."""
    few(reply.edges, "edges in an answer", MAX_CHOICES)
    edges = tuple(
        EdgeNamed(
            node_id_of(one.id),
            _address(one.address),
            line_of(one.region, "region"),
            text_of(one.why, "why"),
        )
        for one in reply.edges
    )
    return Routed(edges, finite_of(reply.ttl, "ttl", MAX_TTL))


def signals_to_wire(signals: Iterable[Met]) -> pb.PutSignalsRequest:
    """The wire form of what sessions met."""
    return pb.PutSignalsRequest(signals=[pb.Signal(**asdict(one)) for one in signals])


def signals_from_wire(request: pb.PutSignalsRequest) -> tuple[Met, ...]:
    """What sessions met. Raises BorderError."""
    few(request.signals, "signals at once", MAX_SIGNALS)
    return tuple(
        Met(
            line_of(one.edge, "a signal's edge", MAX_ADDRESS),
            line_of(one.session, "a signal's session", MAX_SESSION),
            whole_of(one.requests, "a signal's requests", MAX_EVENTS),
            whole_of(one.errors, "a signal's errors", MAX_EVENTS),
            finite_of(one.stalled, "a signal's stalled seconds", MAX_STALLED),
        )
        for one in request.signals
    )


def titles_from_wire(request: pb.PutTitlesRequest) -> TitlesPut:
    """Titles of the catalogue. Raises BorderError."""
    few(request.titles, "titles at once", MAX_TITLES)
    few(request.removed, "removed titles at once", MAX_TITLES)
    titles = tuple((content_id_of(one.content_id), document_of(one.licence, "a licence")) for one in request.titles)
    removed = tuple(content_id_of(name, "a removed title") for name in request.removed)
    source = line_of(request.source, "source", 200)
    return TitlesPut(titles, removed, source, whole_of(request.cursor, "cursor"), request.more)


def document_of(data: bytes, what: str, most: int = MAX_DOCUMENT) -> bytes:
    """A document of a bounded length, not yet read. Raises BorderError."""
    if len(data) > most:
        raise BorderError(f"{what} of {len(data)} bytes, more than {most}")
    return data


def accepted_from_wire(reply: pb.Accepted) -> tuple[int, int]:
    """(revision, cursor) of control's answer. Raises BorderError."""
    return whole_of(reply.revision, "revision"), whole_of(reply.cursor, "cursor")


def status_from_wire(reply: pb.StatusReply) -> pb.StatusReply:
    """The same, looked through. Raises BorderError."""
    word_of(reply.epoch, "an epoch")
    few(reply.edges, "edges", MAX_STATUS_EDGES)
    counted: dict[str, Any] = {"revision": reply.revision, "titles": reply.titles, "keys": reply.keys}
    for name, number in (*counted.items(), *reply.cursors.items()):
        whole_of(number, line_of(name, "a name"))
    for edge in reply.edges:
        node_id_of(edge.id)
        for kind, number in (*edge.acked.items(), *edge.applied.items()):
            whole_of(number, line_of(kind, "a type"))
    return reply


def _address(text: str) -> str:
    try:
        parse_address(line_of(text, "an address", MAX_ADDRESS))
    except ValueError as error:
        raise BorderError(f"an address: {error}") from None
    return text
