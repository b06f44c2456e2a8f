"""`POST /v1/why`: what each node would do with a URL, and why its token would be refused."""

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
from control.trust.node_admin_keys import NodeAdminKeys
from control.trust.url_token import split_url, token_json
from kernel.auth.signing_keys import KeySet
from kernel.documents import BadDocument, load_json, parse_object

ANSWER_SECONDS = 2.0
"""Seconds within which a node must have answered."""
MAX_NODES = 64
"""Nodes queried for one URL: the first by id, or the first of those named."""
MAX_URL_LENGTH = 16 << 10
MAX_ANSWER_BYTES = 256 << 10


class ExplainApi:
    """The handler of `why`. `keys`: what control presents at nodes' admin ports."""

    def __init__(self, plane: ControlService, keys: NodeAdminKeys) -> None:
        self._plane = plane
        self._keys = keys

    async def why(self, request: web.Request) -> web.Response:
        question = parse_object(await body(request), "", ("url", "country", "address", "edges"))
        named = question.get("edges")
        if named is not None and (not isinstance(named, list) or not all(isinstance(one, str) for one in named)):
            raise BadDocument("edges", "must be a list of nodes' ids")
        texts = {name: _text(question, name) for name in ("url", "country", "address")}
        if not texts["url"]:
            raise BadDocument("url", "is missing")
        nodes = [node for name, node in sorted(self._plane.fanout.edges.items()) if named is None or name in named]
        queried = nodes[:MAX_NODES]
        try:
            url = split_url(texts["url"])
        except ValueError:
            raise BadDocument("url", "cannot be read") from None
        token = self._judge_token(url.token, url.bare)
        country = texts["country"] or str((token or {}).get("country") or "")
        answers = await query_nodes(queried, texts | {"url": url.bare, "country": country}, self._keys)
        return web.json_response({"edges": answers, "notAsked": len(nodes) - len(queried), "token": token})

    def _judge_token(self, token: str, url: str) -> dict[str, Any] | None:
        """What the fleet's keys say of the viewer's token. Control judges it here: no node receives it."""
        desired, now = self._plane.store.desired, self._plane.clock.wall()
        revoked = frozenset(name for name, until in changes.revocations(desired).items() if until > now)
        return token_json(token, url, KeySet.from_jwks(key_set.jwks(desired)), now, revoked)


def _text(members: Mapping[str, object], name: str) -> str:
    value = members.get(name, "")
    if not isinstance(value, str) or len(value) > MAX_URL_LENGTH:
        raise BadDocument(name, f"must be a text of at most {MAX_URL_LENGTH} characters")
    return value


async def query_nodes(nodes: list[Edge], question: Mapping[str, str], keys: NodeAdminKeys) -> list[dict[str, Any]]:
    """Each node's answer at its admin port; a node that does not answer is listed with the error.

    A node can name only its own address (`control.fleet.own_address`), and redirects are not followed: a node cannot
    make control send its key, or a request, anywhere else.
    """
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=False, auto_decompress=False) as session:
        return list(await asyncio.gather(*(_query_node(session, node, question, keys) for node in nodes)))


async def _query_node(
    session: aiohttp.ClientSession, node: Edge, question: Mapping[str, str], keys: NodeAdminKeys
) -> dict[str, Any]:
    hello = node.hello
    known = {"id": hello.id, "role": hello.role, "region": hello.region, "connected": node.connected}
    if not node.connected or not hello.admin:
        return known | {"error": "is not connected" if not node.connected else "has no admin port"}
    url, headers = f"http://{hello.admin}/why", keys.headers_for(hello.id)
    try:
        async with session.post(url, json=dict(question), headers=headers, allow_redirects=False) as response:
            answer = await _read_json(response) if response.status == 200 else None
            if not isinstance(answer, dict):
                return known | {"error": _refused(response.status, has_key=bool(headers))}
            return answer | known
    except (aiohttp.ClientError, TimeoutError, ValueError, RecursionError) as error:
        return known | {"error": f"cannot be asked at {hello.admin}: {type(error).__name__}"}


def _refused(status: int, *, has_key: bool) -> str:
    if status != 401:
        return f"answers {status}"
    return "does not know control's admin key" if has_key else "requires an admin key: set node_admin_keys of control"


async def _read_json(response: aiohttp.ClientResponse) -> object:
    """The JSON of an answer. Raises ValueError for one that is not JSON, or too long."""
    data = bytearray()
    async for piece in response.content.iter_chunked(16 << 10):
        data += piece
        if len(data) > MAX_ANSWER_BYTES:
            raise ValueError(f"more than {MAX_ANSWER_BYTES} bytes")
    return load_json(bytes(data))
