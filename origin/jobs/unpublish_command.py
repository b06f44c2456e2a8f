"""`matinee origin unpublish`: take a title down, or put it back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import aiohttp

from kernel.settings.table import PATH, SWITCH, URL, setting
from origin.jobs.jobs_command import TIMEOUT, ask_origin
from origin.jobs.service.api_door import read_api_key


@dataclass(frozen=True)
class UnpublishSettings:
    """`matinee origin unpublish`."""

    origin: str = setting(URL, "http://127.0.0.1:8083", "The origin of the title, or the gateway before it.")
    api_key_file: Path | None = setting(PATH, None, "File with its API key; not set: none is sent.")
    undo: bool = setting(SWITCH, "off", "Whether to put the title back instead.", flag_only=True)


SETTINGS = UnpublishSettings


def run(settings: UnpublishSettings, content: str) -> int:
    """Take the title down. Raises MatineeError if the origin refuses or does not answer."""
    key = read_api_key(settings.api_key_file)
    return asyncio.run(ask(settings, content, {"Authorization": f"Bearer {key}"} if key else {}))


async def ask(settings: UnpublishSettings, content: str, headers: Mapping[str, str]) -> int:
    """Ask the origin, and print what it did."""
    path = f"/content/{quote(content, safe='')}"
    method, path = ("POST", f"{path}/restore") if settings.undo else ("DELETE", path)
    async with aiohttp.ClientSession(headers=headers, timeout=TIMEOUT) as session:
        done = await ask_origin(session, settings.origin, method, path)
    edges = "the edges were purged" if done["purged"] else "no edge was purged: the origin knows no control"
    print(f"{done['contentId']} {done['status']}; {edges}")
    return 0
