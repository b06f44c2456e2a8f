"""Check over HTTP, as a viewer would, that the whole platform works; failures name the step."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import aiohttp

from kernel.errors import MatineeError

_MAX_BODY = 4 << 20
_PAUSE_SECONDS = 0.1
_REQUEST_SECONDS = 10.0


class CheckFailed(MatineeError):
    """A step of the check failed until the timeout; the message has the step, the URL and the last response."""


@dataclass(frozen=True, slots=True)
class Response:
    """Status and body (cut at 4 MiB) of a response."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body as JSON; None if it is not valid JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def find_title(titles: Any, content_id: str) -> dict[str, Any] | None:
    """Find a title in the response of `GET /titles`: a list, or an object with a list `titles` or `items`."""
    if isinstance(titles, dict):
        titles = next((titles[name] for name in ("titles", "items") if name in titles), None)
    if not isinstance(titles, list):
        return None
    return next((t for t in titles if isinstance(t, dict) and t.get("contentId") == content_id), None)


class PlatformCheck:
    """Retries each check until it passes, at most `within` seconds in total."""

    def __init__(self, session: aiohttp.ClientSession, *, within: float) -> None:
        self._session = session
        self._loop = asyncio.get_running_loop()
        self._until = self._loop.time() + within

    async def check_health(self, urls: Iterable[tuple[str, str]]) -> None:
        """Check that each (name, health URL) responds with 200. Raises CheckFailed."""
        for name, url in urls:
            await self._retry(f"{name} is not healthy", url, lambda answer: answer.status == 200)

    async def check_playback(self, page: str, content_id: str) -> str:
        """Check page, titles, playback, and the playlist on an edge. Returns the stream's URL. Raises CheckFailed."""
        await self._retry("the page does not load", f"{page}/", lambda answer: answer.status == 200)
        listed = f"{page}/titles"
        await self._retry(
            f"the film {content_id} is not listed",
            listed,
            lambda answer: answer.status == 200 and find_title(answer.json(), content_id) is not None,
        )
        start = f"{page}/playback/start?contentId={content_id}"
        answer = await self._retry("playback does not start", start, _has_stream)
        stream: str = answer.json()["streamUrl"]
        await self._retry(
            "the edge does not serve the playlist",
            stream,
            lambda answer: answer.status == 200 and answer.body.startswith(b"#EXTM3U"),
            shown=stream.partition("/t/")[0] + "/t/…",
        )
        return stream

    async def _retry(self, step: str, url: str, right: Any, *, shown: str = "") -> Response:
        last = "no response"
        while True:
            try:
                answer = await self._get(url)
                if right(answer):
                    return answer
                last = f"status {answer.status}: {answer.body[:300].decode(errors='replace')}"
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                last = f"{type(error).__name__}: {error}"
            if self._loop.time() >= self._until:
                raise CheckFailed(f"{step}: the last response of GET {shown or url} was {last}")
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _get(self, url: str) -> Response:
        timeout = aiohttp.ClientTimeout(total=_REQUEST_SECONDS)
        async with self._session.get(url, timeout=timeout) as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > _MAX_BODY:
                    break
            return Response(response.status, bytes(body[:_MAX_BODY]))


def _has_stream(answer: Response) -> bool:
    document = answer.json()
    return answer.status == 200 and isinstance(document, dict) and isinstance(document.get("streamUrl"), str)
