"""Converts the calls of services and the replies of control from protobuf to dataclasses and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from kernel.settings.table import parse_address
from rpc.bounds import (
    MAX_WORD,
    BorderError,
    check_length,
    content_id_of,
    finite_of,
    node_id_of,
    printable_of,
    rendition_of,
    text_of,
    whole_of,
    word_of,
)
from rpc.v1 import control_pb2 as pb

MAX_TITLES = 5_000
"""Titles in one message."""
MAX_SIGNALS = 1_000
MAX_CHOICES = 64
MAX_SESSION = 128
MAX_ADDRESS = 300
MAX_EVENTS = 1_000_000
"""Requests or errors of a session at an edge."""
MAX_STALLED = 86_400.0
MAX_TTL = 3_600.0
MAX_DOCUMENT = 1 << 20
MAX_STATUS_EDGES = 20_000


@dataclass(frozen=True, slots=True)
class RouteQuery:
    """A query for the edges that a session should use."""

    content_id: str
    rendition: str
    country: str
    region: str
    session: str
    without: frozenset[str]
    most: int


@dataclass(frozen=True, slots=True)
class TitlesPut:
    """Licences to set, as JSON by contentId, and titles to remove; `source` with its `cursor`, or ""."""

    titles: tuple[tuple[str, bytes], ...]
    removed: tuple[str, ...]
    source: str
    cursor: int
    more: bool


@dataclass(frozen=True, slots=True)
class RoutedEdge:
    """An edge to use: HOST:PORT, its regions, and the reason for its rank; `why` starts with its standing."""

    id: str
    address: str
    region: str
    why: str


@dataclass(frozen=True, slots=True)
class Routed:
    """The edges to use, best first, and the seconds until the next query."""

    edges: tuple[RoutedEdge, ...]
    ttl: float


@dataclass(frozen=True, slots=True)
class EdgeSignal:
    """What a session experienced recently at an edge (its id, or HOST:PORT); `stalled` in seconds."""

    edge: str
    session: str
    requests: int = 0
    errors: int = 0
    stalled: float = 0.0


def route_from_wire(request: pb.RouteRequest) -> RouteQuery:
    """Parse a routing query. Raises BorderError."""
    check_length(request.without, "edges to be left out", MAX_CHOICES)
    return RouteQuery(
        content_id_of(request.content_id),
        rendition_of(request.rendition),
        printable_of(request.country, "country", MAX_WORD),
        printable_of(request.region, "region", MAX_WORD),
        printable_of(request.session, "session", MAX_SESSION),
        frozenset(printable_of(name, "without", MAX_WORD) for name in request.without),
        whole_of(request.most, "most", 2**31),
    )


def routed_from_wire(reply: pb.RouteReply) -> Routed:
    """Parse a routing reply. Raises BorderError."""
    check_length(reply.edges, "edges in an answer", MAX_CHOICES)
    edges = tuple(
        RoutedEdge(
            node_id_of(one.id),
            _address(one.address),
            printable_of(one.region, "region"),
            text_of(one.why, "why"),
        )
        for one in reply.edges
    )
    return Routed(edges, finite_of(reply.ttl, "ttl", MAX_TTL))


def signals_to_wire(signals: Iterable[EdgeSignal]) -> pb.PutSignalsRequest:
    """The wire message of signals."""
    return pb.PutSignalsRequest(signals=[pb.Signal(**asdict(one)) for one in signals])


def signals_from_wire(request: pb.PutSignalsRequest) -> tuple[EdgeSignal, ...]:
    """Parse signals. Raises BorderError."""
    check_length(request.signals, "signals at once", MAX_SIGNALS)
    return tuple(
        EdgeSignal(
            printable_of(one.edge, "a signal's edge", MAX_ADDRESS),
            printable_of(one.session, "a signal's session", MAX_SESSION),
            whole_of(one.requests, "a signal's requests", MAX_EVENTS),
            whole_of(one.errors, "a signal's errors", MAX_EVENTS),
            finite_of(one.stalled, "a signal's stalled seconds", MAX_STALLED),
        )
        for one in request.signals
    )


def titles_from_wire(request: pb.PutTitlesRequest) -> TitlesPut:
    """Parse licences of titles. Raises BorderError."""
    check_length(request.titles, "titles at once", MAX_TITLES)
    check_length(request.removed, "removed titles at once", MAX_TITLES)
    titles = tuple((content_id_of(one.content_id), document_of(one.licence, "a licence")) for one in request.titles)
    removed = tuple(content_id_of(name, "a removed title") for name in request.removed)
    source = printable_of(request.source, "source", 200)
    return TitlesPut(titles, removed, source, whole_of(request.cursor, "cursor"), request.more)


def document_of(data: bytes, what: str, most: int = MAX_DOCUMENT) -> bytes:
    """A document of bounded length, not parsed yet. Raises BorderError."""
    if len(data) > most:
        raise BorderError(f"{what} of {len(data)} bytes, more than {most}")
    return data


def accepted_from_wire(reply: pb.Accepted) -> tuple[int, int]:
    """(revision, cursor) of a reply. Raises BorderError."""
    return whole_of(reply.revision, "revision"), whole_of(reply.cursor, "cursor")


def status_from_wire(reply: pb.StatusReply) -> pb.StatusReply:
    """Check a status reply and return it. Raises BorderError."""
    word_of(reply.epoch, "an epoch")
    check_length(reply.edges, "edges", MAX_STATUS_EDGES)
    counted: dict[str, Any] = {"revision": reply.revision, "titles": reply.titles, "keys": reply.keys}
    for name, number in (*counted.items(), *reply.cursors.items()):
        whole_of(number, printable_of(name, "a name"))
    for edge in reply.edges:
        node_id_of(edge.id)
        for kind, number in (*edge.acked.items(), *edge.applied.items()):
            whole_of(number, printable_of(kind, "a type"))
    return reply


def _address(text: str) -> str:
    try:
        parse_address(printable_of(text, "an address", MAX_ADDRESS))
    except ValueError as error:
        raise BorderError(f"an address: {error}") from None
    return text
