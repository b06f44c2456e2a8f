"""Client of control's REST API, shared by the `matinee fleet` commands.

The API key comes from a file of mode 0600, never from an argument: other users can read a process's arguments.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import aiohttp

from kernel.errors import BadSettings, MatineeError
from kernel.settings.table import PATH, SWITCH, TEXT, URL, setting
from system.private_files import read_secret

SECONDS = 10.0
"""Timeout of a request to control."""
PATIENT_SECONDS = 600.0
MAX_KEY_BYTES = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSettings:
    """Where control is, and the API key to use."""

    api: str = setting(URL, "http://127.0.0.1:8085", "URL of control's REST API.")
    api_key_file: Path = setting(PATH, ".matinee/control/api-key", "File with your API key, mode 0600.")
    json: bool = setting(SWITCH, "off", "Print control's answer as JSON.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSettings(FleetSettings):
    """Settings of commands that change something."""

    reason: str | None = setting(TEXT, None, "Reason to record in the audit log.")


class FleetCommand(NamedTuple):
    """One command of a module with several (see `tools.cli`)."""

    SETTINGS: type
    run: Callable[..., int]


class ControlApi:
    """Control's REST API. Methods raise MatineeError when control refuses or does not answer."""

    def __init__(self, settings: FleetSettings, session: aiohttp.ClientSession) -> None:
        self._address = settings.api.rstrip("/")
        self._session = session
        self.settings = settings

    async def get(self, path: str, **query: object) -> dict[str, Any]:
        """GET; `query` members that are None or empty are left out."""
        return await self._request("GET", path, None, query)

    async def get_patiently(self, path: str, **query: object) -> dict[str, Any]:
        """GET with a timeout of ten minutes, for slow queries."""
        return await self._request("GET", path, None, query, PATIENT_SECONDS)

    async def post(self, path: str, body: object = None, **query: object) -> dict[str, Any]:
        """POST a JSON body."""
        return await self._request("POST", path, body, query)

    async def put(self, path: str, body: object, **query: object) -> dict[str, Any]:
        """PUT a JSON body."""
        return await self._request("PUT", path, body, query)

    async def delete(self, path: str, **query: object) -> dict[str, Any]:
        """DELETE."""
        return await self._request("DELETE", path, None, query)

    async def pages(self, path: str, member: str, **query: object) -> list[dict[str, Any]]:
        """All rows of a paginated list."""
        rows, cursor = [], None
        while True:
            page = await self.get(path, cursor=cursor, limit=1000, **query)
            rows += page[member]
            cursor = page.get("next")
            if not cursor:
                return rows

    async def _request(
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
        return _decode(answer.status, text)


def _decode(status: int, text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise MatineeError(f"the answer (status {status}) is not from a control plane: see --api")
    if status >= 400:
        raise MatineeError(f"control refuses ({status} {said.get('reason', '')}): {said.get('detail', '')}")
    return said


def path_segment(name: str) -> str:
    """Escape a name for use as one path segment."""
    return quote(name, safe="")


def read_key(path: Path) -> str:
    """The operator's key. Raises BadSettings naming the file."""
    try:
        return read_secret(path, "api_key_file", MAX_KEY_BYTES).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings("api_key_file", f"{path} cannot be read: {getattr(error, 'strerror', error)}") from None


def run_with_control(settings: FleetSettings, work: Callable[[ControlApi], Awaitable[int]]) -> int:
    """Run `work` with a client for control; returns its exit code."""
    key = read_key(settings.api_key_file)

    async def run() -> int:
        headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
        }  # control requires the type even without a body
        limit = aiohttp.ClientTimeout(total=SECONDS)
        async with aiohttp.ClientSession(headers=headers, timeout=limit) as session:
            return await work(ControlApi(settings, session))

    return asyncio.run(run())


def show_json(said: object) -> int:
    """Print JSON; returns 0, the exit code."""
    print(json.dumps(said, indent=2))
    return 0
