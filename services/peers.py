"""The other processes of the services, where the parts are divided among several: what one of them needs of the others.

The process with the accounts asks them to export and to erase a person; a process that plays, and has no event log,
sends its events to the one that has. All know the API key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Protocol
from urllib.parse import urlsplit

import aiohttp
import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from httpd.bounded_body import read_at_most
from kernel.errors import BadRequest, StorageFailed
from services.events.record import Record, decode_record, encode_record
from services.events.segment_log import EventAppender
from services.http import params
from services.http.route import Access, Route, json_response

EXPORT, ERASE, APPEND = "/internal/people/export", "/internal/people/erase", "/internal/events"
RECORDS = "application/octet-stream"
EXPORT_SECONDS, ERASE_SECONDS, APPEND_SECONDS = 60.0, 300.0, 5.0
"""How long another process may take; an export and an erasure read the whole event log."""
MAX_EXPORT_BYTES = 256 << 20

Id = Annotated[str, Meta(max_length=64, pattern=r"^[\x21-\x7e]*\Z")]


class PersonalStore(Protocol):
    """A store of personal data in this process."""

    @property
    def name(self) -> str:
        """Its name in an export."""

    async def export_person(self, account_id: str, profiles: Sequence[str]) -> Any:
        """Everything about the person. Raises StorageFailed."""

    async def erase_person(self, account_id: str, profiles: Sequence[str]) -> None:
        """Delete everything about the person; may be called again. Raises StorageFailed."""


class Person(Struct, rename="camel", forbid_unknown_fields=True):
    """The body of both requests; `accountId` is empty where only profiles are meant."""

    account_id: Id
    profiles: Annotated[list[Id], Meta(max_length=100)]


class PeerClient:
    """Requests to one other process at a base URL."""

    def __init__(self, client: aiohttp.ClientSession, url: str, api_key: str) -> None:
        self._client = client
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self.name = urlsplit(url).netloc

    async def export_person(self, account_id: str, profiles: Sequence[str]) -> dict[str, Any]:
        """What each store of the process holds about a person, by the store's name. Raises StorageFailed."""
        body = msgspec.json.encode(Person(account_id, list(profiles)))
        found = msgspec.json.decode(await self._post(EXPORT, body, "application/json", EXPORT_SECONDS))
        return dict(found)

    async def erase_person(self, account_id: str, profiles: Sequence[str]) -> None:
        """Let each store of the process forget a person. Raises StorageFailed."""
        body = msgspec.json.encode(Person(account_id, list(profiles)))
        await self._post(ERASE, body, "application/json", ERASE_SECONDS)

    async def append(self, record: Record) -> None:
        """Store a record in the process's event log; it is on the disk on return. Raises StorageFailed."""
        await self._post(APPEND, encode_record(record), RECORDS, APPEND_SECONDS)

    async def _post(self, path: str, body: bytes, content_type: str, seconds: float) -> bytes:
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=2.0)
        headers = self._headers | {"Content-Type": content_type}
        try:
            async with self._client.post(
                self._url + path, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                data = await read_at_most(answer.content, MAX_EXPORT_BYTES + 1)
                if answer.status != 200:
                    raise StorageFailed(f"the process at {self.name} answered {answer.status} to {path}")
                if len(data) > MAX_EXPORT_BYTES:
                    raise StorageFailed(f"the process at {self.name} answered {path} with too many bytes")
                return data
        except (aiohttp.ClientError, TimeoutError) as error:
            why = str(error) or type(error).__name__
            raise StorageFailed(f"the process at {self.name} cannot be asked: {why}") from error


class PeerEvents:
    """The event log of whichever other process has one."""

    def __init__(self, peers: Sequence[PeerClient]) -> None:
        self._peers = list(peers)

    async def append(self, record: Record) -> None:
        """Store a record with the first process that takes it. Raises StorageFailed."""
        failed: StorageFailed | None = None
        for peer in tuple(self._peers):
            try:
                await peer.append(record)
            except StorageFailed as error:
                failed = failed or error
                continue
            # Ask the one that has the log first from now on.
            self._peers.remove(peer)
            self._peers.insert(0, peer)
            return
        raise failed or StorageFailed("no other process of the services is known")


class PeerRoutes:
    """What this process answers the others: about its stores, and for its event log where it has one."""

    def __init__(self, stores: Sequence[PersonalStore], events: EventAppender | None) -> None:
        self._stores = stores
        self._events = events

    def routes(self) -> tuple[Route, ...]:
        """The route table, for processes that hold the API key."""
        people = (
            Route(
                "POST", EXPORT, self.export_person, Access.OPERATOR, "What this process holds of a person", hidden=True
            ),
            Route("POST", ERASE, self.erase_person, Access.OPERATOR, "Forget a person in this process", hidden=True),
        )
        append = Route(
            "POST", APPEND, self.append, Access.OPERATOR, "Store an event", content_types=frozenset((RECORDS,)),
            hidden=True,
        )  # fmt: skip
        return people if self._events is None else (*people, append)

    async def export_person(self, request: web.Request) -> web.Response:
        """What each store holds, by its name."""
        person = await params.body(request, Person)
        found = {one.name: await one.export_person(person.account_id, person.profiles) for one in self._stores}
        return json_response(found)

    async def erase_person(self, request: web.Request) -> web.Response:
        """Let each store forget a person; a failure answers 503, and the caller asks again."""
        person = await params.body(request, Person)
        for one in self._stores:
            await one.erase_person(person.account_id, person.profiles)
        return json_response({"erased": [one.name for one in self._stores]})

    async def append(self, request: web.Request) -> web.Response:
        """Store a record; it is on the disk when it is answered."""
        try:
            record = decode_record(await request.read())
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadRequest(400, "record", f"the body is no record of the event log: {error}") from None
        if self._events is not None:
            await self._events.append(record)
        return json_response({"status": "stored"})
