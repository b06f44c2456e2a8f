"""Control's HTTP door: purges and prefetches, and what has become of them."""

from __future__ import annotations

from math import ceil

from aiohttp import web

from control.api.http import author, body, caller, limit
from control.commands import ControlService
from control.jobs.job_table import MAX_NAMES
from control.jobs.service import MAX_WAIT_SECONDS
from control.jobs.status import job_summary_json
from httpd.problem import problem
from kernel.documents import BadDocument
from kernel.fleet.jobs import parse_prefetch, parse_purge


class JobsApi:
    """The handlers; `control.api.openapi.ROUTES` says which route is whose."""

    def __init__(self, plane: ControlService) -> None:
        self._plane = plane
        self._jobs = plane.jobs

    async def post_purge(self, request: web.Request) -> web.Response:
        if (refused := self._too_often(request)) is not None:
            return refused
        purge, seconds = parse_purge(await body(request), MAX_NAMES), _seconds(request)
        seq = await self._jobs.purge(purge, author(request, self._plane.clock))
        if seconds:
            await self._jobs.wait_until_done(seq, seconds)
        return await self._made(seq)

    async def post_prefetch(self, request: web.Request) -> web.Response:
        if (refused := self._too_often(request)) is not None:
            return refused
        prefetch = parse_prefetch(await body(request), MAX_NAMES)
        return await self._made(await self._jobs.prefetch(prefetch, author(request, self._plane.clock)))

    def _too_often(self, request: web.Request) -> web.Response | None:
        """Each key has its own share, so that one script that runs wild leaves the others theirs."""
        seconds = self._jobs.rate.seconds_to_wait(caller(request).id, self._plane.clock.mono())
        if seconds <= 0.0:
            return None
        told = f"more than {self._jobs.rate.per_second:g} jobs a second by this key: put more names into one"
        return problem(429, "rate", told, {"Retry-After": str(ceil(seconds))})

    async def _made(self, seq: int) -> web.Response:
        return web.json_response(await self._jobs.status(seq), status=201, headers={"Location": f"/v1/jobs/{seq}"})

    async def get_job(self, request: web.Request) -> web.Response:
        seq = _number(request.match_info["job"], "job")
        if seconds := _seconds(request):
            await self._jobs.wait_until_done(seq, seconds)
        found = await self._jobs.status(seq)
        if found is None:
            return problem(404, "not-found", f"there is no job {seq}, or it is long past")
        return web.json_response(found)

    async def list_jobs(self, request: web.Request) -> web.Response:
        most, text = limit(request), request.query.get("cursor", "")
        rows = await self._jobs.page(_number(text, "cursor") if text else None, most + 1)
        following = str(rows[most - 1]["seq"]) if len(rows) > most else None
        return web.json_response({"jobs": [job_summary_json(row) for row in rows[:most]], "next": following})


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise BadDocument(what, "must be a number")
    return int(text)


def _seconds(request: web.Request) -> float:
    """`wait`: how long the answer may be held back until every node has done it."""
    text = request.query.get("wait", "0")
    seconds = float(text) if text.isascii() and text.replace(".", "", 1).isdigit() and len(text) < 10 else -1.0
    if not 0 <= seconds <= MAX_WAIT_SECONDS:
        raise BadDocument("wait", f"must be seconds, at most {MAX_WAIT_SECONDS:g}")
    return seconds
