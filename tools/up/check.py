"""Does the whole platform answer? Asked over HTTP like a viewer would, each step named when it fails."""

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


class NotAnswering(MatineeError):
    """A step of the check kept failing until the time was over; names the step, the address and the last answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body (cut at 4 MiB) of a response."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body as JSON; None when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def find_title(titles: Any, content_id: str) -> dict[str, Any] | None:
    """The title out of `GET /titles`: a list, or an object holding one as `titles` or `items`."""
    if isinstance(titles, dict):
        titles = next((titles[name] for name in ("titles", "items") if name in titles), None)
    if not isinstance(titles, list):
        return None
    return next((t for t in titles if isinstance(t, dict) and t.get("contentId") == content_id), None)


class Checker:
    """Asks until the answer is right or `within` seconds have passed since it was made."""

    def __init__(self, session: aiohttp.ClientSession, *, within: float) -> None:
        self._session = session
        self._loop = asyncio.get_running_loop()
        self._until = self._loop.time() + within

    async def healthy(self, places: Iterable[tuple[str, str]]) -> None:
        """Each (name, health URL) answers 200. Raises NotAnswering."""
        for name, url in places:
            await self._until_right(f"{name} is not healthy", url, lambda answer: answer.status == 200)

    async def plays(self, page: str, content_id: str) -> str:
        """Page, titles, playback and the playlist through an edge; the stream's URL. Raises NotAnswering."""
        await self._until_right("the page does not come", f"{page}/", lambda answer: answer.status == 200)
        listed = f"{page}/titles"
        await self._until_right(
            f"the film {content_id} is not listed",
            listed,
            lambda answer: answer.status == 200 and find_title(answer.json(), content_id) is not None,
        )
        start = f"{page}/playback/start?contentId={content_id}"
        answer = await self._until_right("playback does not start", start, _has_stream)
        stream: str = answer.json()["streamUrl"]
        await self._until_right(
            "the edge does not give the playlist",
            stream,
            lambda answer: answer.status == 200 and answer.body.startswith(b"#EXTM3U"),
            shown=stream.partition("/t/")[0] + "/t/…",
        )
        return stream

    async def _until_right(self, step: str, url: str, right: Any, *, shown: str = "") -> Answer:
        last = "no answer"
        while True:
            try:
                answer = await self._get(url)
                if right(answer):
                    return answer
                last = f"status {answer.status}: {answer.body[:300].decode(errors='replace')}"
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                last = f"{type(error).__name__}: {error}"
            if self._loop.time() >= self._until:
                raise NotAnswering(f"{step}: GET {shown or url} said at last: {last}")
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _get(self, url: str) -> Answer:
        timeout = aiohttp.ClientTimeout(total=_REQUEST_SECONDS)
        async with self._session.get(url, timeout=timeout) as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > _MAX_BODY:
                    break
            return Answer(response.status, bytes(body[:_MAX_BODY]))


def _has_stream(answer: Answer) -> bool:
    said = answer.json()
    return answer.status == 200 and isinstance(said, dict) and isinstance(said.get("streamUrl"), str)
