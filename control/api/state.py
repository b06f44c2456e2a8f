"""Control's HTTP door: licences, public keys, revocations, revisions."""

from __future__ import annotations

import json

from aiohttp import web

from control.api.http import body, call, caller, cursor, limit, reason
from control.commands import ControlService
from control.desired import changes, key_set
from httpd.problem import problem
from kernel.auth.licence import parse_content_id
from kernel.documents import moment_text, parse_object
from kernel.vocabulary import CONTENT_ID


class StateApi:
    """The handlers; `control.api.openapi.ROUTES` says which route is whose."""

    def __init__(self, plane: ControlService) -> None:
        self._plane = plane

    async def list_titles(self, request: web.Request) -> web.Response:
        desired = self._plane.store.desired
        after, most = cursor(request, CONTENT_ID, "a contentId"), limit(request)
        names = [name for name in changes.title_ids(desired) if name > after]
        page = [{"contentId": name} | (changes.licence(desired, name) or {}) for name in names[:most]]
        following = names[most - 1] if len(names) > most else None
        return web.json_response({"titles": page, "next": following, "revision": desired.revision})

    async def get_title(self, request: web.Request) -> web.Response:
        name = parse_content_id(request.match_info["contentId"])
        held = changes.licence(self._plane.store.desired, name)
        if held is None:
            return problem(404, "not-found", f"control holds no licence for {name}")
        return web.json_response({"contentId": name} | held)

    async def put_title(self, request: web.Request) -> web.Response:
        name = parse_content_id(request.match_info["contentId"])
        licence = await body(request)
        done = await self._plane.put_titles(
            {name: licence}, author=caller(request).name, reason=reason(request), call=call(request)
        )
        held = changes.licence(self._plane.store.desired, name) or {}
        return web.json_response({"contentId": name} | held | {"revision": done.revision})

    async def delete_title(self, request: web.Request) -> web.Response:
        name = parse_content_id(request.match_info["contentId"])
        if changes.licence(self._plane.store.desired, name) is None:
            return problem(404, "not-found", f"control holds no licence for {name}")
        done = await self._plane.put_titles(
            {}, [name], author=caller(request).name, reason=reason(request), call=call(request)
        )
        return web.json_response({"contentId": name, "revision": done.revision})

    async def get_keys(self, _: web.Request) -> web.Response:
        return web.json_response(key_set.jwks(self._plane.store.desired))

    async def put_keys(self, request: web.Request) -> web.Response:
        done = await self._plane.put_keys(
            await body(request), author=caller(request).name, reason=reason(request), call=call(request)
        )
        return web.json_response(key_set.jwks(self._plane.store.desired) | {"revision": done.revision})

    async def withdraw_key(self, request: web.Request) -> web.Response:
        kid = request.match_info["kid"]
        done = await self._plane.withdraw_key(
            kid, author=caller(request).name, reason=reason(request), call=call(request)
        )
        return web.json_response({"kid": kid, "revision": done.revision})

    async def revoke(self, request: web.Request) -> web.Response:
        members = parse_object(await body(request), "", ("sid", "until"))
        sid, until = members.get("sid"), members.get("until")
        done = await self._plane.revoke(
            sid, until, author=caller(request).name, reason=reason(request), call=call(request)
        )
        return web.json_response({"sid": sid, "until": until, "revision": done.revision}, status=201)

    async def list_revisions(self, request: web.Request) -> web.Response:
        rows = await self._plane.store.history(limit(request))
        return web.json_response(
            {
                "revisions": [
                    {
                        "revision": row["number"],
                        "at": moment_text(row["at"]),
                        "author": row["author"],
                        "reason": row["reason"],
                    }
                    | json.loads(row["touched"])
                    for row in rows
                ]
            }
        )
