"""Control's gRPC listeners: edges subscribe, services put, nodes join. Protobuf stays in this file and in `rpc`.

Over mTLS (`Trust`) each call is authorised first; without it, control listens on loopback and trusts every caller.

Over 300 lines because it is the only file of control that uses gRPC.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from typing import Any, NoReturn
from urllib.parse import unquote

import grpc
import grpc.aio
import structlog

from control.audit.entry import Call
from control.commands import ControlService
from control.db.store import Committed, Cursor
from control.desired.changes import LimitExceeded
from control.desired.key_set import KidTaken
from control.fleet.fanout import ConnectionRejected, Fanout
from control.fleet.own_address import check_addresses
from control.routing.ranking import RouteQuery
from control.trust.certificate import ServerCertificate, server_credentials
from control.trust.enrolment import Enrolment, EnrolmentRejected
from control.trust.peers import EDGES, SERVICES, PeerRefused, Peers, check_hello
from kernel.documents import BadDocument, load_json
from kernel.errors import BadSettings, Overloaded, StorageFailed
from kernel.fleet.identity import Identity
from kernel.fleet.messages import KEYS, RULES, TITLE, FromControl, FromEdge, Hello
from kernel.settings.table import Address
from rpc.border import control_to_wire
from rpc.border_edge import edge_from_wire
from rpc.border_service import document_of, route_from_wire, signals_from_wire, titles_from_wire
from rpc.bounds import BorderError, printable_of, text_of
from rpc.channel import SERVER
from rpc.v1 import control_pb2 as pb
from rpc.v1.control_pb2_grpc import (
    EnrolmentServicer,
    FleetServicer,
    add_EnrolmentServicer_to_server,
    add_FleetServicer_to_server,
)

MAX_CALLS = 20_000
MAX_JOINING = 100
MAX_REFUSED = 1_000
"""Malformed messages on one connection after which it is closed."""
MAX_TOKEN = 1_024
MAX_REQUEST = 16 << 10
_AUTHOR = "services"

log = structlog.get_logger("control")


@dataclass(frozen=True, slots=True)
class Trust:
    """The parts of mTLS: control's certificate, the enrolled peers, and enrolment."""

    certificate: ServerCertificate
    peers: Peers
    enrolment: Enrolment


class FleetService(FleetServicer):
    """The service of rpc/v1/control.proto."""

    def __init__(self, plane: ControlService, trust: Trust | None = None) -> None:
        self._plane = plane
        self._trust = trust

    async def _admit(self, context: Any, *roles: str) -> Identity | None:
        """The caller's identity; None without mTLS. Aborts the call if its certificate or role does not permit it."""
        if self._trust is None:
            return None
        try:
            return await self._trust.peers.check(context, *roles)
        except PeerRefused as error:
            log.warning("call-refused", peer=context.peer(), why=str(error))
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, str(error))
            raise AssertionError("abort raises") from None

    async def Subscribe(self, request_iterator: Any, context: Any) -> None:  # noqa: N802 (the .proto names it)
        """Serve one edge while it is connected and its certificate is valid."""
        who = await self._admit(context, *EDGES)
        ending = who and self._plane.clock.call_later(
            max(0.0, who.ends - self._plane.clock.wall()),
            lambda: self._plane.fanout.hang_up(who.id, "the certificate of this connection has expired"),
        )
        try:
            await self._plane.fanout.serve(_Stream(request_iterator, context, who, self._plane.fanout))
        except PeerRefused as error:
            log.warning("call-refused", peer=context.peer(), why=str(error))
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, str(error))
        except ConnectionRejected as error:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        except BorderError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        finally:
            if ending:
                ending.cancel()

    async def PutTitles(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Put licences of the catalogue."""
        who = await self._admit(context, *SERVICES)
        try:
            asked = titles_from_wire(request)
            cursor = Cursor(asked.source, asked.cursor, asked.more) if asked.source else None
            titles = {name: _json(licence, f"titles.{name}") for name, licence in asked.titles}
            done = await self._plane.put_titles(
                titles, list(asked.removed), author=_author_name(who), call=_call(context), cursor=cursor
            )
        except _CALLER_ERRORS as error:
            await _abort(context, error)
        return _accepted(done)

    async def PutKeys(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Set the public keys that the caller signs with."""
        who = await self._admit(context, *SERVICES)
        try:
            done = await self._plane.put_own_keys(
                _json(document_of(request.jwks, "keys"), "keys"),
                owner=who.id if who else printable_of(request.owner, "owner", 64) or _AUTHOR,
                lifetime=request.lifetime,
                author=_author_name(who),
                call=_call(context),
            )
        except _CALLER_ERRORS as error:
            await _abort(context, error)
        return _accepted(done)

    async def Revoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Revoke a session: its tokens are refused."""
        who = await self._admit(context, *SERVICES)
        try:
            session, until = printable_of(request.session, "session"), printable_of(request.until, "until", 64)
            done = await self._plane.revoke(session, until or None, author=_author_name(who), call=_call(context))
        except _CALLER_ERRORS as error:
            await _abort(context, error)
        return _accepted(done)

    async def Renew(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Issue a new certificate to a caller whose present one is valid."""
        who = await self._admit(context, *EDGES, *SERVICES)
        if who is None or self._trust is None:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "this control uses no certificates")
            raise AssertionError("abort raises")
        try:
            asked = document_of(request.request, "a request", MAX_REQUEST)
            chain = await self._trust.enrolment.renew(who, asked, call=_call(context))
        except (EnrolmentRejected, *_CALLER_ERRORS) as error:
            await _abort(context, error)
        return pb.Certificate(chain=chain, authority=self._trust.enrolment.authority)

    async def Route(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Rank the edges that a session should use, best first."""
        await self._admit(context, *SERVICES)
        try:
            asked = route_from_wire(request)
        except ValueError as error:
            await _abort(context, error)
        routed = self._plane.routing.route(RouteQuery(**asdict(asked)))
        edges = [pb.Choice(id=one.id, address=one.address, region=one.region, why=one.why) for one in routed.edges]
        return pb.RouteReply(edges=edges, ttl=routed.ttl)

    async def PutSignals(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Record sessions' reports on edges; reports on unknown edges are ignored."""
        await self._admit(context, *SERVICES)
        try:
            signals = signals_from_wire(request)
        except BorderError as error:
            await _abort(context, error)
        for one in signals:
            self._plane.routing.record_signal(one.edge, one.session, one.requests, one.errors, one.stalled)
        return pb.Accepted(revision=self._plane.store.desired.revision)

    async def Status(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Show what control holds, and the versions that edges have applied."""
        await self._admit(context, *SERVICES)
        desired = self._plane.store.desired
        edges = [
            pb.EdgeStatus(
                id=edge.hello.id,
                role=edge.hello.role,
                region=edge.hello.region,
                connected=edge.connected,
                acked=edge.acked,
                applied=edge.applied,
            )
            for edge in self._plane.fanout.edges.values()
        ]
        return pb.StatusReply(
            epoch=desired.epoch,
            revision=desired.revision,
            titles=sum(name.startswith(TITLE) for name in desired.resource_sets[RULES].resources),
            keys=len(desired.resource_sets[KEYS].resources),
            cursors=dict(self._plane.store.cursors),
            edges=edges,
        )


_CALLER_ERRORS = (ValueError, Overloaded, StorageFailed)


class EnrolmentService(EnrolmentServicer):
    """The service for joining nodes, which have a token and no certificate yet."""

    def __init__(self, enrolment: Enrolment, peers: Peers) -> None:
        self._enrolment = enrolment
        self._peers = peers

    async def Enrol(self, request: Any, context: Any) -> Any:  # noqa: N802 (the .proto names it)
        """Issue a certificate for an enrolment token."""
        try:
            token, asked = (
                text_of(request.token, "a token", MAX_TOKEN),
                document_of(request.request, "a request", MAX_REQUEST),
            )
            chain = await self._enrolment.enrol(token, asked, call=_call(context))
            await self._peers.load()
        except (EnrolmentRejected, *_CALLER_ERRORS) as error:
            await _abort(context, error)
        return pb.Certificate(chain=chain, authority=self._enrolment.authority)


async def start(plane: ControlService, listen: Address, trust: Trust | None = None) -> tuple[grpc.aio.Server, int]:
    """Start the listener for nodes and services, with mTLS if there is `trust`; (server, port). Raises BadSettings."""
    server = grpc.aio.server(options=SERVER, maximum_concurrent_rpcs=MAX_CALLS)
    add_FleetServicer_to_server(FleetService(plane, trust), server)  # type: ignore[no-untyped-call]
    secure = trust and server_credentials(trust.certificate, ask_for_one=True)
    return server, await _listen(server, "listen", listen, secure)


async def start_enrolment(trust: Trust, listen: Address) -> tuple[grpc.aio.Server, int]:
    """Start the listener for joining nodes, TLS without client certificates; (server, port). Raises BadSettings."""
    options = (*SERVER, ("grpc.max_receive_message_length", 64 << 10))
    server = grpc.aio.server(options=options, maximum_concurrent_rpcs=MAX_JOINING)
    service = EnrolmentService(trust.enrolment, trust.peers)
    add_EnrolmentServicer_to_server(service, server)  # type: ignore[no-untyped-call]
    secure = server_credentials(trust.certificate, ask_for_one=False)
    return server, await _listen(server, "enrol_listen", listen, secure)


async def _listen(server: grpc.aio.Server, setting: str, listen: Address, secure: grpc.ServerCredentials | None) -> int:
    try:
        place = str(listen)
        port = server.add_secure_port(place, secure) if secure else server.add_insecure_port(place)
    except RuntimeError:
        port = 0
    if not port:
        raise BadSettings(setting, f"cannot listen on {listen}: is it taken by another program?")
    await server.start()
    return int(port)


class _Stream:
    """`control.fleet.fanout.Stream` over a gRPC call.

    After the hello, a malformed message is dropped and recorded; the stream ends only after MAX_REFUSED of them.
    """

    def __init__(self, requests: Any, context: Any, who: Identity | None, fanout: Fanout) -> None:
        self._requests = requests
        self._context = context
        self._who = who
        self._fanout = fanout
        self._refused = 0
        self._id = ""

    async def send(self, message: FromControl) -> None:
        for part in control_to_wire(message):
            await self._context.write(part)

    async def __aiter__(self) -> AsyncIterator[FromEdge]:
        async for message in self._requests:
            try:
                said = edge_from_wire(message)
            except BorderError as error:
                self._fanout.record_refused_message(
                    self._id or self._called(), message.WhichOneof("body") or "unknown", error
                )
                self._refused += 1
                if not self._id or self._refused > MAX_REFUSED:
                    raise
                continue
            if self._who is not None:
                check_hello(self._who, said)
            if not isinstance(said, Hello):
                yield said
                continue
            self._id = said.id
            others = (one.hello for one in self._fanout.edges.values() if one.connected and one.hello.id != said.id)
            taken = {other.address for other in others}
            found = check_addresses(said, self._context.peer(), certified=self._who is not None, taken=taken)
            yield found.hello
            self._fanout.record_ignored_claim(said.id, found.ignored)

    def _called(self) -> str:
        return self._who.id if self._who is not None else str(self._context.peer())[:80]


def _author_name(who: Identity | None) -> str:
    """The caller's name for the audit log: the id of its certificate, if it has one."""
    return who.id if who else _AUTHOR


def _call(context: Any) -> Call:
    """The caller's address: 192.0.2.1 for the peer `ipv4:192.0.2.1:4711`."""
    family, _, place = context.peer().partition(":")
    return Call(unquote(place).rpartition(":")[0].strip("[]") if family in ("ipv4", "ipv6") else context.peer()[:200])


def _json(data: bytes, path: str) -> object:
    try:
        return load_json(data)
    except BadDocument as error:
        raise BadDocument(path, error.why) from None


def _accepted(done: Committed) -> Any:
    return pb.Accepted(revision=done.revision, cursor=done.cursor)


async def _abort(context: Any, error: Exception) -> NoReturn:
    match error:
        case EnrolmentRejected():
            code = grpc.StatusCode.PERMISSION_DENIED
        case KidTaken():
            code = grpc.StatusCode.ALREADY_EXISTS
        case LimitExceeded() | Overloaded():
            code = grpc.StatusCode.RESOURCE_EXHAUSTED
        case StorageFailed():
            log.error("change-not-stored", error=str(error))
            code = grpc.StatusCode.UNAVAILABLE
        case _:
            code = grpc.StatusCode.INVALID_ARGUMENT
    await context.abort(code, str(error))
    raise AssertionError("abort raises")
