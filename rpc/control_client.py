"""The client that services use to call control: licences, keys, revocations, routing. It hides protobuf.

    async with ControlClient("127.0.0.1:8084") as control:
        await control.put_titles([{"contentId": "film-1", "countries": ["DE"]}], removed=["film-0"], cursor=17)
        await control.put_keys({"keys": [...]})
        await control.revoke("session-1", until="2026-11-22T21:00:00+00:00")

A call returns when control has stored the change durably. While control is unreachable it is retried with exponential
backoff; every call is idempotent.
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
    EdgeSignal,
    Routed,
    RoutedEdge,
    accepted_from_wire,
    routed_from_wire,
    signals_to_wire,
    status_from_wire,
)
from rpc.bounds import BorderError
from rpc.channel import describe_error, open_channel
from rpc.identity_file import Credentials
from rpc.node_identity import NodeIdentity
from rpc.v1 import control_pb2 as pb
from rpc.v1.control_pb2_grpc import FleetStub

__all__ = ["ChangeAccepted", "ControlClient", "ControlStatus", "EdgeSignal", "EdgeStatus", "Routed", "RoutedEdge"]

PAGE = 500
"""Titles sent in one message."""

T = TypeVar("T")
_TRANSIENT = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.ABORTED)
_REJECTED = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.OUT_OF_RANGE)


@dataclass(frozen=True, slots=True)
class ChangeAccepted:
    """The result of a change: the revision that contains it, and the stored cursor of the change log of the source."""

    revision: int
    cursor: int


@dataclass(frozen=True, slots=True)
class EdgeStatus:
    """The status of an edge; `acked` and `applied` are version numbers by type (`rules`, `keys`)."""

    id: str
    role: str
    region: str
    connected: bool
    acked: Mapping[str, int]
    applied: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ControlStatus:
    """The state of control; `cursors` maps a source to its cursor."""

    epoch: str
    revision: int
    titles: int
    keys: int
    cursors: Mapping[str, int]
    edges: tuple[EdgeStatus, ...]


class ControlClient:
    """A client of one control process.

    `identity` is for mTLS; without it the client uses plain text, for control on loopback. `timeout` is for one
    attempt, in seconds; after `attempts` a call raises `UpstreamFailed`. If control rejects a call, it raises
    `BadRequest` (with the place and the fault) or `Overloaded`.
    """

    def __init__(
        self, address: str, *, timeout: float = 5.0, attempts: int = 5, identity: NodeIdentity | None = None
    ) -> None:
        self._address = address
        self._identity = identity
        self._credentials: Credentials | None = None
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
    ) -> ChangeAccepted:
        """Set the licences of some titles and remove others.

        A title is `{"contentId", "countries": [...] | null}` with optional `deny`, `from` and `until` as in RULES.json;
        other members are ignored. `cursor` (above 0) is the position of the change log of `source` after these changes;
        changes at or before the cursor that control has stored are ignored.
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
            accepted = self._read(_accepted, await self._call("PutTitles", request))
            if last:
                return accepted

    async def put_keys(self, jwks: Mapping[str, Any], *, owner: str = "", lifetime: float = 0.0) -> ChangeAccepted:
        """Set the JWKS (public keys only) that the caller signs with; keys of other owners stay.

        Earlier keys of the same owner (from the certificate, else `owner`) verify for `lifetime` more seconds, the
        longest lifetime of a token. Raises BadRequest `kid-taken` if another owner has a key of that name.
        """
        request = pb.PutKeysRequest(jwks=json.dumps(jwks).encode(), owner=owner, lifetime=lifetime)
        return self._read(_accepted, await self._call("PutKeys", request))

    async def revoke(self, session: str, *, until: str | None = None) -> ChangeAccepted:
        """Revoke a session's tokens until a time in ISO 8601 (ideally the expiry of its last token), or for ever."""
        request = pb.RevokeRequest(session=session, until=until or "")
        return self._read(_accepted, await self._call("Revoke", request))

    async def route(
        self, content_id: str, *, region: str = "", country: str = "", session: str = "", most: int = 0, within: float
    ) -> Routed:
        """The edges for a session, best first; one attempt of at most `within` seconds."""
        request = pb.RouteRequest(content_id=content_id, region=region, country=country, session=session, most=most)
        return self._read(routed_from_wire, await self._call("Route", request, within))

    async def put_signals(self, signals: Sequence[EdgeSignal], *, within: float) -> None:
        """Report what sessions experienced at edges; one attempt of at most `within` seconds."""
        await self._call("PutSignals", signals_to_wire(signals), within)

    async def status(self) -> ControlStatus:
        """The current state of control."""
        reply = self._read(status_from_wire, await self._call("Status", pb.StatusRequest()))
        edges = tuple(
            EdgeStatus(edge.id, edge.role, edge.region, edge.connected, dict(edge.acked), dict(edge.applied))
            for edge in reply.edges
        )
        return ControlStatus(reply.epoch, reply.revision, reply.titles, reply.keys, dict(reply.cursors), edges)

    def _read(self, read: Callable[[Any], T], reply: Any) -> T:
        """Parse a reply. Raises UpstreamFailed if it is invalid."""
        try:
            return read(reply)
        except BorderError as error:
            detail = f"control at {self._address} answered {error}"
            raise UpstreamFailed(UpstreamReason.CONTROL_NOT_UNDERSTOOD, detail=detail) from None

    async def close(self) -> None:
        """Close the connection; a later call opens a new one."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    async def _open(self) -> grpc.aio.Channel:
        """The channel; a new one after the identity was renewed."""
        credentials = await self._identity.credentials() if self._identity else None
        held, left = self._channel, None
        if held is None or credentials is not self._credentials:
            left, held = held, open_channel(self._address, credentials)
            self._channel, self._credentials = held, credentials
        if left is not None:
            await left.close(self._timeout)  # running calls finish on it
        return held

    async def _call(self, method: str, request: Any, within: float | None = None) -> Any:
        """Call a method with retries; `within`: one attempt with this timeout in seconds."""
        attempts, timeout = (self._attempts, self._timeout) if within is None else (1, within)
        try:
            async for attempt in stamina.retry_context(
                on=_is_transient, attempts=attempts, timeout=None, wait_initial=0.1, wait_max=2.0
            ):
                with attempt:
                    stub = FleetStub(await self._open())  # type: ignore[no-untyped-call]  # generated without types
                    return await getattr(stub, method)(request, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            raise _to_matinee_error(error, self._address) from None
        raise AssertionError("stamina either returned or raised")


def _licence(title: Mapping[str, Any]) -> bytes:
    licence = {"allow": title.get("countries", title.get("allow"))}
    licence |= {name: title[name] for name in ("deny", "from", "until") if title.get(name) is not None}
    return json.dumps(licence).encode()


def _accepted(reply: Any) -> ChangeAccepted:
    return ChangeAccepted(*accepted_from_wire(reply))


def _is_transient(error: Exception) -> bool:
    return isinstance(error, grpc.aio.AioRpcError) and error.code() in _TRANSIENT


def _to_matinee_error(error: grpc.aio.AioRpcError, address: str) -> Exception:
    if error.code() is grpc.StatusCode.ALREADY_EXISTS:
        return BadRequest(409, "kid-taken", error.details() or "")
    if error.code() in _REJECTED:
        return BadRequest(400, "control-refused", error.details() or "")
    if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return Overloaded(OverloadReason.CONTROL_BUSY, f"control: {error.details()}")
    retry = error.code() in _TRANSIENT
    return UpstreamFailed(
        UpstreamReason.CONTROL_UNREACHABLE, retry=retry, detail=f"control at {address}: {describe_error(error)}"
    )
