"""Control's gRPC door: edges subscribe, services put. Protobuf stays in this file and in `rpc`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, NoReturn

import grpc
import grpc.aio
import structlog

from control.changes import TooMany
from control.fanout import Unwelcome
from control.plane import Plane
from control.store import Committed, Cursor
from kernel.documents import BadDocument, load_json
from kernel.errors import BadSettings, Overloaded, StorageFailed
from kernel.fleet import KEYS, RULES, TITLE, FromControl, FromEdge
from kernel.settings import Address
from rpc.border import BorderError, control_to_wire
from rpc.border_edge import edge_from_wire
from rpc.channel import SERVER
from rpc.v1 import control_pb2 as pb
from rpc.v1.control_pb2_grpc import FleetServicer, add_FleetServicer_to_server

CALLS_MOST = 20_000
_AUTHOR = "services"

log = structlog.get_logger("control")


class FleetService(FleetServicer):
    """The service of rpc/v1/control.proto."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    async def Subscribe(self, request_iterator: Any, context: Any) -> None:  # noqa: N802 (the .proto names it)
        """One edge, for as long as it is connected."""
        try:
            await self._plane.fanout.serve(_Stream(request_iterator, context))
        except Unwelcome as error:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        except BorderError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))

    async def PutTitles(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Licences of the catalogue."""
        cursor = Cursor(request.source, request.cursor, request.more) if request.source else None
        try:
            titles = {title.content_id: _json(title.licence, f"titles.{title.content_id}") for title in request.titles}
            done = await self._plane.put_titles(titles, list(request.removed), author=_AUTHOR, cursor=cursor)
        except _TOLD as error:
            await _abort(context, error)
        return _accepted(done)

    async def PutKeys(self, request: Any, context: Any) -> Any:  # noqa: N802
        """The set of public keys."""
        try:
            done = await self._plane.put_keys(_json(request.jwks, "keys"), author=_AUTHOR)
        except _TOLD as error:
            await _abort(context, error)
        return _accepted(done)

    async def Revoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        """A session whose tokens are refused from now on."""
        try:
            done = await self._plane.revoke(request.session, request.until or None, author=_AUTHOR)
        except _TOLD as error:
            await _abort(context, error)
        return _accepted(done)

    async def Status(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """What control holds, and how far the edges are."""
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
            titles=sum(name.startswith(TITLE) for name in desired.shelves[RULES].resources),
            keys=len(desired.shelves[KEYS].resources),
            cursors=dict(self._plane.store.cursors),
            edges=edges,
        )


_TOLD = (ValueError, Overloaded, StorageFailed)


async def start(plane: Plane, listen: Address) -> tuple[grpc.aio.Server, int]:
    """The running server and its port. Raises BadSettings when it cannot listen there."""
    server = grpc.aio.server(options=SERVER, maximum_concurrent_rpcs=CALLS_MOST)
    add_FleetServicer_to_server(FleetService(plane), server)  # type: ignore[no-untyped-call]
    try:
        port = server.add_insecure_port(str(listen))
    except RuntimeError:
        port = 0
    if not port:
        raise BadSettings("listen", f"cannot listen on {listen}: is it taken by another program?")
    await server.start()
    return server, port


class _Stream:
    """`control.fanout.Stream` over a gRPC call."""

    def __init__(self, requests: Any, context: Any) -> None:
        self._requests = requests
        self._context = context

    async def send(self, message: FromControl) -> None:
        for part in control_to_wire(message):
            await self._context.write(part)

    async def __aiter__(self) -> AsyncIterator[FromEdge]:
        async for message in self._requests:
            yield edge_from_wire(message)


def _json(data: bytes, path: str) -> object:
    try:
        return load_json(data)
    except BadDocument as error:
        raise BadDocument(path, error.why) from None


def _accepted(done: Committed) -> Any:
    return pb.Accepted(revision=done.revision, cursor=done.cursor)


async def _abort(context: Any, error: Exception) -> NoReturn:
    match error:
        case TooMany() | Overloaded():
            code = grpc.StatusCode.RESOURCE_EXHAUSTED
        case StorageFailed():
            log.error("a change was not kept", error=str(error))
            code = grpc.StatusCode.UNAVAILABLE
        case _:
            code = grpc.StatusCode.INVALID_ARGUMENT
    await context.abort(code, str(error))
    raise AssertionError("abort raises")
