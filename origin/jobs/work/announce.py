"""The step `announce`: the catalogue reads the library at once, and control pushes the start of the title to the edges.

Edges then have it before the first viewer asks: at the title's release, or now.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from kernel.errors import BadSettings, UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from kernel.fleet.jobs import MAX_URLS
from system.private_files import read_secret

CATALOGUE_PATH, CONTROL_PATH, PURGE_PATH = "/titles/announcements", "/v1/prefetches", "/v1/purges"
TIMEOUT = aiohttp.ClientTimeout(total=20, sock_connect=3)
_MAX_KEY_FILE = 4096
_SEGMENT = re.compile(r"[^/]+/(\d{1,6})\.(?:m4s|ts)", re.ASCII)
_START = re.compile(r"[^/]+/(?:init\.mp4|main\.m3u8)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Announcer:
    """Whom to tell: base URLs (None: nobody) and files of API keys; `segments` of each rendition are pushed."""

    catalogue: str | None
    catalogue_key_file: Path
    control: str | None
    control_key_file: Path | None
    region: str
    segments: int

    async def announce(self, content_id: str, paths: Sequence[str]) -> None:
        """Announce a publication of these paths below the title. Raises UpstreamFailed, BadSettings."""
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
            await self._tell_catalogue(session, content_id)
            if self.control is not None:
                fields = _authorization(self.control_key_file, "announce_control_key_file")
                wanted = paths_to_push(paths, self.segments)
                urls = [f"/cdn/{self.region}/{content_id}/{path}" for path in wanted]
                for at in range(0, len(urls), MAX_URLS):
                    await _post(session, self.control + CONTROL_PATH, {"urls": urls[at : at + MAX_URLS]}, fields)

    async def _tell_catalogue(self, session: aiohttp.ClientSession, content_id: str) -> None:
        if self.catalogue is not None:
            fields = _authorization(self.catalogue_key_file, "key_server_key_file")
            await _post(session, self.catalogue + CATALOGUE_PATH, {"contentId": content_id}, fields)

    async def announce_withdrawal(self, content_id: str) -> bool:
        """Have the catalogue read the library, and control purge the title from edges and shields.

        Returns whether there was a control to tell. Raises UpstreamFailed, BadSettings.
        """
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
            await self._tell_catalogue(session, content_id)
            if self.control is not None:
                fields = _authorization(self.control_key_file, "announce_control_key_file")
                # A purge is for every region: edges keep no region in their keys.
                purge = {"prefixes": [f"/cdn/{self.region}/{content_id}/"]}
                await _post(session, self.control + PURGE_PATH, purge, fields)
        return self.control is not None


def paths_to_push(paths: Sequence[str], segments: int) -> list[str]:
    """What a player asks for first: top files, media playlists, init segments, and the first segments of each."""
    wanted = []
    for path in paths:
        match = _SEGMENT.fullmatch(path)
        is_top = "/" not in path and path.endswith((".m3u8", ".mpd"))
        if is_top or _START.fullmatch(path) or (match and 1 <= int(match[1]) <= segments):
            wanted.append(path)
    return wanted


def _authorization(file: Path | None, setting: str) -> dict[str, str]:
    """The field with the key in a file; none for a file that does not exist. Raises BadSettings."""
    if file is None:
        return {}
    try:
        return {"Authorization": f"Bearer {read_secret(file, setting, _MAX_KEY_FILE).decode('ascii').strip()}"}
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(setting, f"{file} cannot be read: {error}") from None


async def _post(session: aiohttp.ClientSession, url: str, body: object, fields: Mapping[str, str]) -> None:
    try:
        async with session.post(url, json=body, headers=fields, allow_redirects=False) as got:
            await got.content.read(1 << 16)
            status = got.status
    except (aiohttp.ClientError, TimeoutError) as error:
        raise UpstreamFailed(
            UpstreamReason.ANNOUNCEMENT, detail=f"{url} cannot be reached ({type(error).__name__})"
        ) from None
    if status >= 400:
        raise UpstreamFailed(UpstreamReason.ANNOUNCEMENT, detail=f"{url} answered {status}")
