"""How the gateway reaches the origin."""

from __future__ import annotations

from dataclasses import dataclass, field

import aiohttp


@dataclass(frozen=True)
class OriginClient:
    """The origin's base URL (None: no origin), its region, and the HTTP client of this process.

    `api_key`: sent with `/content/*`, whose callers the gateway has checked.
    """

    session: aiohttp.ClientSession
    base_url: str | None
    region: str
    api_key: str = field(default="", repr=False)
