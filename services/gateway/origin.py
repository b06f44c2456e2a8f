"""How the gateway reaches the origin."""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp


@dataclass(frozen=True)
class OriginClient:
    """The origin's base URL (None: no origin), its region, and the HTTP client of this process."""

    session: aiohttp.ClientSession
    base_url: str | None
    region: str
