"""The origin as the gateway and the page ask it."""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp


@dataclass(frozen=True)
class OriginClient:
    """The origin as the gateway asks it; `session` is the process's one HTTP client."""

    session: aiohttp.ClientSession
    base_url: str | None
    region: str
