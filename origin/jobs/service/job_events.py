"""Server-sent events of a job: its state whenever it changes, until it ends (WHATWG HTML, 9.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from kernel.clock import Clock
from kernel.errors import BadRequest, Overloaded
from kernel.vocabulary import OverloadReason
from origin.jobs.job_states import ENDED_JOBS
from origin.jobs.job_views import JobViews
from origin.jobs.records import JobView
from system.clock import sleep

MAX_STREAMS = 100
POLL_SECONDS = 0.5
KEEP_ALIVE_SECONDS = 15.0

Show = Callable[[JobView, float], dict[str, Any]]


class JobEvents:
    """The streams. Each event holds the whole state, so that a reconnected reader misses nothing."""

    def __init__(self, views: JobViews, show: Show, clock: Clock, stopping: asyncio.Event) -> None:
        self._views = views
        self._show = show
        self._clock = clock
        self._stopping = stopping
        self._streams = 0

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """`GET /content/jobs/{jobId}/events`."""
        job = await self._views.job(request.match_info["job"])
        if job is None:
            raise BadRequest(404, "no-such-job", "there is no such job")
        if self._streams >= MAX_STREAMS:
            raise Overloaded(OverloadReason.EVENT_STREAMS)
        self._streams += 1
        try:
            return await self._send(request, job)
        finally:
            self._streams -= 1

    async def _send(self, request: web.Request, job: JobView | None) -> web.StreamResponse:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Content-Type": "text/event-stream"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        sent, silent_since = None, self._clock.mono()
        while job is not None and not self._stopping.is_set():
            # The estimate changes all the time: only what really changed makes an event.
            state = (job.state, job.changed, [(step.state, step.progress) for step in job.steps])
            ended = job.state in ENDED_JOBS
            if state != sent:
                data = msgspec.json.encode(self._show(job, self._clock.wall()))
                await response.write(b"event: %s\ndata: %s\n\n" % (b"end" if ended else b"progress", data))
                sent, silent_since = state, self._clock.mono()
            elif self._clock.mono() - silent_since >= KEEP_ALIVE_SECONDS:
                await response.write(b": still here\n\n")
                silent_since = self._clock.mono()
            if ended:
                break
            await sleep(self._clock, POLL_SECONDS)
            job = await self._views.job(job.job_id)
        await response.write_eof()
        return response
