"""Control's HTTP door: which edge and shield a URL goes to, what is cached where, and why it would be refused."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
from aiohttp import web

from control.api.http import body
from control.commands import ControlService
from control.desired import changes, key_set
from control.fleet.fanout import Edge
from control.trust.url_token import parted, token_json
from kernel.auth.signing_keys import KeySet
from kernel.documents import BadDocument, load_json, parse_object

SECONDS = 2.0
"""Within which an edge must have answered."""
MAX_EDGES = 64
"""Asked for one URL; of a larger fleet those that are named, or the first by name."""
MAX_URL = 16 << 10
MAX_ANSWER = 256 << 10
"""Bytes of a node's answer."""


class ExplainApi:
    """The handlers; `control.api.openapi.ROUTES` says which route is whose."""

    def __init__(self, plane: ControlService) -> None:
        self._plane = plane

    async def why(self, request: web.Request) -> web.Response:
        asked = parse_object(await body(request), "", ("url", "country", "address", "edges"))
        wanted = asked.get("edges")
        if wanted is not None and (not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted)):
            raise BadDocument("edges", "must be a list of nodes' ids")
        said = {name: _text(asked, name) for name in ("url", "country", "address")}
        if not said["url"]:
            raise BadDocument("url", "is missing")
        edges = [edge for name, edge in sorted(self._plane.fanout.edges.items()) if wanted is None or name in wanted]
        shown = edges[:MAX_EDGES]
        try:
            bare = parted(said["url"])
        except ValueError:
            raise BadDocument("url", "cannot be read") from None
        token = self._token(bare.token, bare.url)
        country = said["country"] or str((token or {}).get("country") or "")
        told = await ask_edges(shown, said | {"url": bare.url, "country": country})
        return web.json_response({"edges": told, "notAsked": len(edges) - len(shown), "token": token})

    def _token(self, token: str, url: str) -> dict[str, Any] | None:
        """What is to be said of the viewer's token; no edge is told of it."""
        desired, now = self._plane.store.desired, self._plane.clock.wall()
        revoked = frozenset(name for name, until in changes.revocations(desired).items() if until > now)
        return token_json(token, url, KeySet.from_jwks(key_set.jwks(desired)), now, revoked)


def _text(members: Mapping[str, object], name: str) -> str:
    value = members.get(name, "")
    if not isinstance(value, str) or len(value) > MAX_URL:
        raise BadDocument(name, f"must be a text of at most {MAX_URL} characters")
    return value


async def ask_edges(edges: list[Edge], said: Mapping[str, str]) -> list[dict[str, Any]]:
    """What each says at its admin port; who does not answer is named with why.

    A node names its own address only (`control.fleet.own_address`); it is sent no viewer's token, and leads nowhere
    else.
    """
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=False, auto_decompress=False) as session:
        return list(await asyncio.gather(*(_ask(session, edge, said) for edge in edges)))


async def _ask(session: aiohttp.ClientSession, edge: Edge, said: Mapping[str, str]) -> dict[str, Any]:
    hello = edge.hello
    known = {"id": hello.id, "role": hello.role, "region": hello.region, "connected": edge.connected}
    if not edge.connected or not hello.admin:
        return known | {"error": "is not connected" if not edge.connected else "has no admin port"}
    try:
        async with session.post(f"http://{hello.admin}/why", json=dict(said), allow_redirects=False) as answer:
            told = await _bounded(answer) if answer.status == 200 else None
            if not isinstance(told, dict):
                return known | {"error": f"answers {answer.status}"}
            return told | known
    except (aiohttp.ClientError, TimeoutError, ValueError, RecursionError) as error:
        return known | {"error": f"cannot be asked at {hello.admin}: {type(error).__name__}"}


async def _bounded(answer: aiohttp.ClientResponse) -> object:
    """The JSON of an answer. Raises ValueError for what is none, or too long."""
    data = bytearray()
    async for piece in answer.content.iter_chunked(16 << 10):
        data += piece
        if len(data) > MAX_ANSWER:
            raise ValueError(f"more than {MAX_ANSWER} bytes")
    return load_json(bytes(data))
