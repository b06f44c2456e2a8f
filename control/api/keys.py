"""Control's HTTP door: API keys, and the log of who did what."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from sqlalchemy import select

from control.api.http import author, body, limit
from control.audit.chain import first_break
from control.commands import ControlService
from control.db.audit_log import verification_json
from control.db.schema import audit
from control.trust.api_keys import ApiKeys
from httpd.problem import problem
from kernel.documents import BadDocument, moment_text, parse_moment, parse_object

_ROW = ("seq", "actor", "peer", "action", "target", "before", "after", "reason", "request_id", "revision", "hash")


class KeysApi:
    """The handlers; `control.api.openapi.ROUTES` says which route is whose."""

    def __init__(self, plane: ControlService, keys: ApiKeys) -> None:
        self._plane = plane
        self._keys = keys

    async def list_api_keys(self, _: web.Request) -> web.Response:
        return web.json_response({"apiKeys": [key_json(row) for row in await self._keys.listed()]})

    async def make_api_key(self, request: web.Request) -> web.Response:
        members = parse_object(await body(request), "", ("name", "role", "expires"))
        name, role, expires = members.get("name"), members.get("role"), members.get("expires")
        if not isinstance(name, str) or not isinstance(role, str):
            raise BadDocument("", "`name` and `role` must be strings")
        until = None if expires is None else parse_moment(expires, "expires")
        made, key = await self._keys.make(name, role, until, author(request, self._plane.clock))
        return web.json_response({"id": made, "name": name, "role": role, "expires": expires, "key": key}, status=201)

    async def revoke_api_key(self, request: web.Request) -> web.Response:
        made = request.match_info["keyId"]
        if not await self._keys.revoke(made, author(request, self._plane.clock)):
            return problem(404, "not-found", f"there is no API key {made[:40]!r}")
        return web.json_response({"id": made, "revoked": True})

    async def list_audit(self, request: web.Request) -> web.Response:
        """The latest rows, newest first; `cursor`: those before a number. `broken` names a row that does not hold."""
        before = _row_number(request, "cursor")
        query = select(audit).order_by(audit.c.seq.desc()).limit(limit(request) + 1)
        rows = list(await self._plane.store.read(query.where(audit.c.seq < before) if before else query))
        shown = rows[: limit(request)]
        broken = first_break(rows[::-1], self._plane.store.keyring)
        following = str(shown[-1]["seq"]) if len(rows) > len(shown) else None
        return web.json_response({"audit": [audit_json(row) for row in shown], "next": following, "broken": broken})

    async def verify_audit(self, request: web.Request) -> web.Response:
        """Follow the whole chain, or that after row `after`."""
        return web.json_response(verification_json(await self._plane.audit_log.verify(_row_number(request, "after"))))


def key_json(row: Any) -> dict[str, Any]:
    """An API key as the API shows it."""
    return {
        "id": row["id"],
        "name": row["name"],
        "role": row["role"],
        "author": row["author"],
        "made": moment_text(row["at"]),
        "expires": _moment(row["expires"]),
        "lastUsed": _moment(row["last_used"]),
        "revoked": _moment(row["revoked"]),
    }


def audit_json(row: Any) -> dict[str, Any]:
    """A row of the audit log as the API shows it; `before` and `after` are JSON in a string, as they were hashed."""
    shown = {name: row[name] for name in _ROW}
    shown["requestId"] = shown.pop("request_id")
    return shown | {"at": moment_text(row["at"])}


def _row_number(request: web.Request, name: str) -> int:
    text = request.query.get(name, "0")
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise BadDocument(name, "must be the number of a row")
    return int(text)


def _moment(at: float | None) -> str | None:
    return None if at is None else moment_text(at)
