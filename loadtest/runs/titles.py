"""What can be played at a target: the playlist that it is, the story's own URLs, or the titles its gateway lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
from yarl import URL

from kernel.errors import BadSettings, MatineeError
from loadtest.stories.story import Titles

MANIFESTS = (".m3u8", ".mpd")
_PAGE = 100
_TIMEOUT = aiohttp.ClientTimeout(total=20.0)
_MAX_BODY = 8 << 20


def is_manifest(url: str) -> bool:
    """Whether a URL is that of a playlist or MPD, by its path."""
    return urlsplit(url).path.lower().endswith(MANIFESTS)


async def find_titles(target: str, titles: Titles, headers: Mapping[str, str]) -> Sequence[str]:
    """URLs of manifests, or contentIds for the gateway to resolve; the most popular first.

    Raises BadSettings when the target is no URL, MatineeError when nothing can be played there.
    """
    if urlsplit(target).scheme not in ("http", "https") or not urlsplit(target).netloc:
        raise BadSettings("target", f"{target!r} is no http or https URL", "flag --target")
    if titles.urls:
        return tuple(urljoin(target, url) for url in titles.urls)
    if is_manifest(target):
        return (target,)
    found: list[str] = []
    jar = aiohttp.CookieJar(unsafe=True)  # a gateway on an IP address may give guests a cookie too
    async with aiohttp.ClientSession(timeout=_TIMEOUT, headers=headers, cookie_jar=jar) as session:
        cursor: str | None = None
        while len(found) < titles.limit:
            page = await _page(session, target, cursor)
            playable = [row["contentId"] for row in page["titles"] if row.get("playable", True)]
            found += playable
            cursor = page.get("nextCursor")
            if not cursor or len(playable) < len(page["titles"]):  # playable titles come first
                break
    if not found:
        raise MatineeError(f"{target} lists no title that can be played; ingest one, or give a playlist's URL")
    return found[: titles.limit]


async def _page(session: aiohttp.ClientSession, target: str, cursor: str | None) -> dict[str, Any]:
    query = {"limit": str(_PAGE)} | ({"cursor": cursor} if cursor else {})
    url = urljoin(target if target.endswith("/") else f"{target}/", "titles")
    try:
        async with session.get(url, params=query) as response:
            if response.status == 401 and not session.cookie_jar.filter_cookies(URL(target)):
                async with session.get(target):
                    pass  # the page gives guests the cookie that the list needs
                if session.cookie_jar.filter_cookies(URL(target)):
                    return await _page(session, target, cursor)
            if response.status != 200:
                raise MatineeError(
                    f"{url} answers {response.status}: the target is neither a playlist (.m3u8, .mpd) nor a gateway"
                )
            page = await response.json(content_type=None)
            if not all(isinstance(row["contentId"], str) for row in page["titles"]):
                raise TypeError
            return dict(page)
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise MatineeError(f"{url} cannot be read: {str(error) or type(error).__name__}") from None
    except (ValueError, KeyError, TypeError):
        raise MatineeError(f"{url} is no list of titles: the target is neither a playlist nor a gateway") from None
