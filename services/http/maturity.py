"""How old somebody must be for what a request may show: the interface to the profiles of viewers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

MaturityLimit = Callable[[web.Request], Awaitable[int | None]]
"""The highest minimum age that the profile of a request is shown; None = no limit. Raises StorageFailed."""


async def no_limit(_: web.Request) -> int | None:
    """No profile limits what is shown."""
    return None


def is_suitable(minimum_age: int | None, limit: int | None) -> bool:
    """Whether a title for viewers of `minimum_age` (None = of any age) and above is shown."""
    return limit is None or minimum_age is None or minimum_age <= limit
