"""What `matinee fleet` commands share: control's HTTP door, asked with the operator's key, and its errors told.

The key is read from a file that nobody else may read, never from an argument.
"""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import aiohttp

from kernel.errors import BadSettings, MatineeError
from kernel.settings.table import PATH, SWITCH, TEXT, URL, setting

SECONDS = 10.0
"""Within which control must have answered."""
PATIENT_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSettings:
    """Where control is, and who asks it."""

    api: str = setting(URL, "http://127.0.0.1:8085", "Control's HTTP address for operators.")
    api_key_file: Path = setting(PATH, ".matinee/control/api-key", "File with your API key, mode 0600.")
    json: bool = setting(SWITCH, "off", "Print what control says as JSON, for scripts.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSettings(FleetSettings):
    """The same for what changes something."""

    reason: str | None = setting(TEXT, None, "Why, for the log that others read.")


class Verb(NamedTuple):
    """A command of a module that has several (see `tools.cli`)."""

    SETTINGS: type
    run: Callable[..., int]


class Control:
    """Control's HTTP door. Raises MatineeError with what control says, or that nobody answers."""

    def __init__(self, settings: FleetSettings, session: aiohttp.ClientSession) -> None:
        self._address = settings.api.rstrip("/")
        self._session = session
        self.settings = settings

    async def get(self, path: str, **query: object) -> dict[str, Any]:
        """GET; members of `query` that are None or empty are left out."""
        return await self._ask("GET", path, None, query)

    async def get_patiently(self, path: str, **query: object) -> dict[str, Any]:
        """GET of what control may need minutes for."""
        return await self._ask("GET", path, None, query, PATIENT_SECONDS)

    async def post(self, path: str, body: object = None, **query: object) -> dict[str, Any]:
        """POST a JSON body."""
        return await self._ask("POST", path, body, query)

    async def put(self, path: str, body: object, **query: object) -> dict[str, Any]:
        """PUT a JSON body."""
        return await self._ask("PUT", path, body, query)

    async def delete(self, path: str, **query: object) -> dict[str, Any]:
        """DELETE."""
        return await self._ask("DELETE", path, None, query)

    async def pages(self, path: str, member: str, **query: object) -> list[dict[str, Any]]:
        """All rows of a list that comes in pages."""
        rows, cursor = [], None
        while True:
            page = await self.get(path, cursor=cursor, limit=1000, **query)
            rows += page[member]
            cursor = page.get("next")
            if not cursor:
                return rows

    async def _ask(
        self, method: str, path: str, body: object, query: Mapping[str, object], within: float = SECONDS
    ) -> dict[str, Any]:
        asked = {name: str(value) for name, value in query.items() if value not in (None, "")}
        limit = aiohttp.ClientTimeout(total=within)
        url = f"{self._address}{path}" + (f"?{urlencode(asked)}" if asked else "")
        try:
            async with self._session.request(method, url, json=body, timeout=limit) as answer:
                text = await answer.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise MatineeError(
                f"control does not answer at {self._address} ({type(error).__name__}): is it running there? See --api"
            ) from None
        return _told(answer.status, text)


def _told(status: int, text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise MatineeError(f"what answers (status {status}) is no control plane: see --api")
    if status >= 400:
        raise MatineeError(f"control refuses ({status} {said.get('reason', '')}): {said.get('detail', '')}")
    return said


def part(name: str) -> str:
    """A name as one part of a path."""
    return quote(name, safe="")


def read_key(path: Path) -> str:
    """The operator's key. Raises BadSettings naming the file."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings("api_key_file", f"{path} cannot be read: {getattr(error, 'strerror', error)}") from None
    if mode & 0o077:
        raise BadSettings("api_key_file", f"{path} has mode {mode:04o}: others can read the key; make it 0600")
    return key


def ask(settings: FleetSettings, work: Callable[[Control], Awaitable[int]]) -> int:
    """Run `work` with control's door; its exit code."""
    key = read_key(settings.api_key_file)

    async def run() -> int:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}  # asked for, body or none
        limit = aiohttp.ClientTimeout(total=SECONDS)
        async with aiohttp.ClientSession(headers=headers, timeout=limit) as session:
            return await work(Control(settings, session))

    return asyncio.run(run())


def show_json(said: object) -> int:
    """Print what control said; 0."""
    print(json.dumps(said, indent=2))
    return 0
