"""What services say to control: licences, keys, revocations. Plain values in and out, no protobuf.

    async with ControlClient("127.0.0.1:8084") as control:
        await control.put_titles([{"contentId": "film-1", "countries": ["DE"]}], removed=["film-0"], cursor=17)
        await control.put_keys({"keys": [...]})
        await control.revoke("session-1", until="2026-11-22T21:00:00+00:00")

A call returns when control has the change on disk. It is tried again, with growing waits, while control cannot be
reached; every call may safely be made twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import grpc
import grpc.aio
import stamina

from kernel.errors import BadRequest, Overloaded, UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from kernel.vocabulary import OverloadReason
from rpc.border_service import (
    EdgeNamed,
    Met,
    Routed,
    accepted_from_wire,
    routed_from_wire,
    signals_to_wire,
    status_from_wire,
)
from rpc.bounds import BorderError
from rpc.channel import open_channel, reason
from rpc.identity_file import Credentials
from rpc.node_identity import NodeIdentity
from rpc.v1 import control_pb2 as pb
from rpc.v1.control_pb2_grpc import FleetStub

__all__ = ["ControlClient", "ControlStatus", "EdgeNamed", "EdgeSeen", "Met", "Routed", "Taken"]

PAGE = 500
"""Titles sent in one message."""

T = TypeVar("T")
_TRANSIENT = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.ABORTED)
_MINE = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.OUT_OF_RANGE)


@dataclass(frozen=True, slots=True)
class Taken:
    """Control's answer: the revision that holds the change, and how far it has read the source's change log."""

    revision: int
    cursor: int


@dataclass(frozen=True, slots=True)
class EdgeSeen:
    """An edge as control sees it; `acked` and `applied` are version numbers by type (`rules`, `keys`)."""

    id: str
    role: str
    region: str
    connected: bool
    acked: Mapping[str, int]
    applied: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ControlStatus:
    """What control holds; `cursors` maps a source to its cursor."""

    epoch: str
    revision: int
    titles: int
    keys: int
    cursors: Mapping[str, int]
    edges: tuple[EdgeSeen, ...]


class ControlClient:
    """A client of one control process, for as long as the caller lives.

    `identity` is what it shows; without one it speaks plainly, to control on loopback. `timeout` is for one attempt, in
    seconds; `attempts` are made before `UpstreamFailed`. Control's refusals are `BadRequest` (with what is wrong and
    where) and `Overloaded`.
    """

    def __init__(
        self, address: str, *, timeout: float = 5.0, attempts: int = 5, identity: NodeIdentity | None = None
    ) -> None:
        self._address = address
        self._identity = identity
        self._shown: Credentials | None = None
        self._timeout = timeout
        self._attempts = attempts
        self._channel: grpc.aio.Channel | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def put_titles(
        self,
        titles: Sequence[Mapping[str, Any]],
        *,
        removed: Sequence[str] = (),
        cursor: int = 0,
        source: str = "catalogue",
    ) -> Taken:
        """Set the licences of titles, and forget others.

        A title is `{"contentId", "countries": [...] | null}` with, where wanted, `deny`, `from` and `until` as
        RULES.json has them; other members are ignored. `cursor` (over 0) is where `source`'s change log stands after
        these changes; changes at or before the cursor that control holds for the source are not made again.
        """
        messages = [pb.Title(content_id=str(title["contentId"]), licence=_licence(title)) for title in titles]
        gone = list(removed)
        while True:
            page, messages = messages[:PAGE], messages[PAGE:]
            leaving, gone = gone[:PAGE], gone[PAGE:]
            last = not messages and not gone
            request = pb.PutTitlesRequest(
                titles=page, removed=leaving, source=source if cursor else "", cursor=cursor, more=not last
            )
            taken = self._read(_taken, await self._call("PutTitles", request))
            if last:
                return taken

    async def put_keys(self, jwks: Mapping[str, Any], *, owner: str = "", lifetime: float = 0.0) -> Taken:
        """Make this JWKS (public keys only) what the caller signs with; control keeps the keys of others.

        Earlier keys of the same owner (by certificate, else `owner`) verify for `lifetime` seconds more, which no token
        outlives. BadRequest `kid-taken`: another key has that name.
        """
        request = pb.PutKeysRequest(jwks=json.dumps(jwks).encode(), owner=owner, lifetime=lifetime)
        return self._read(_taken, await self._call("PutKeys", request))

    async def revoke(self, session: str, *, until: str | None = None) -> Taken:
        """Refuse a session's tokens, until a moment in ISO 8601 (best: its last token's expiry) or for ever."""
        request = pb.RevokeRequest(session=session, until=until or "")
        return self._read(_taken, await self._call("Revoke", request))

    async def route(
        self, content_id: str, *, region: str = "", country: str = "", session: str = "", most: int = 0, within: float
    ) -> Routed:
        """Which edges a session should use, best first; tried once, for `within` seconds at most."""
        request = pb.RouteRequest(content_id=content_id, region=region, country=country, session=session, most=most)
        return self._read(routed_from_wire, await self._call("Route", request, within))

    async def put_signals(self, signals: Sequence[Met], *, within: float) -> None:
        """Tell what sessions met at edges; tried once, for `within` seconds at most."""
        await self._call("PutSignals", signals_to_wire(signals), within)

    async def status(self) -> ControlStatus:
        """What control holds now."""
        reply = self._read(status_from_wire, await self._call("Status", pb.StatusRequest()))
        edges = tuple(
            EdgeSeen(edge.id, edge.role, edge.region, edge.connected, dict(edge.acked), dict(edge.applied))
            for edge in reply.edges
        )
        return ControlStatus(reply.epoch, reply.revision, reply.titles, reply.keys, dict(reply.cursors), edges)

    def _read(self, read: Callable[[Any], T], reply: Any) -> T:
        """What control answered, looked through. Raises UpstreamFailed where that cannot be."""
        try:
            return read(reply)
        except BorderError as error:
            detail = f"control at {self._address} answered {error}"
            raise UpstreamFailed(UpstreamReason.CONTROL_NOT_UNDERSTOOD, detail=detail) from None

    async def close(self) -> None:
        """Close the connection; a later call would open it again."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    async def _open(self) -> grpc.aio.Channel:
        """The connection; made anew when the identity was renewed."""
        shown = await self._identity.credentials() if self._identity else None
        held, left = self._channel, None
        if held is None or shown is not self._shown:
            left, held = held, open_channel(self._address, shown)
            self._channel, self._shown = held, shown
        if left is not None:
            await left.close(self._timeout)  # calls that are under way are answered on it
        return held

    async def _call(self, method: str, request: Any, within: float | None = None) -> Any:
        """`within`: one attempt of so many seconds."""
        attempts, timeout = (self._attempts, self._timeout) if within is None else (1, within)
        try:
            async for attempt in stamina.retry_context(
                on=_again, attempts=attempts, timeout=None, wait_initial=0.1, wait_max=2.0
            ):
                with attempt:
                    stub = FleetStub(await self._open())  # type: ignore[no-untyped-call]  # generated without types
                    return await getattr(stub, method)(request, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            raise _told(error, self._address) from None
        raise AssertionError("stamina either returned or raised")


def _licence(title: Mapping[str, Any]) -> bytes:
    licence = {"allow": title.get("countries", title.get("allow"))}
    licence |= {name: title[name] for name in ("deny", "from", "until") if title.get(name) is not None}
    return json.dumps(licence).encode()


def _taken(reply: Any) -> Taken:
    return Taken(*accepted_from_wire(reply))


def _again(error: Exception) -> bool:
    return isinstance(error, grpc.aio.AioRpcError) and error.code() in _TRANSIENT


def _told(error: grpc.aio.AioRpcError, address: str) -> Exception:
    if error.code() is grpc.StatusCode.ALREADY_EXISTS:
        return BadRequest(409, "kid-taken", error.details() or "")
    if error.code() in _MINE:
        return BadRequest(400, "control-refused", error.details() or "")
    if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return Overloaded(OverloadReason.CONTROL_BUSY, f"control: {error.details()}")
    retry = error.code() in _TRANSIENT
    return UpstreamFailed(
        UpstreamReason.CONTROL_UNREACHABLE, retry=retry, detail=f"control at {address}: {reason(error)}"
    )
