"""Client of the services' API for operators, shared by the `matinee recommend` commands that ask a running service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import aiohttp

from httpd.bounded_body import read_at_most
from kernel.errors import BadSettings, MatineeError
from kernel.settings.table import PATH, SWITCH, URL, setting
from system.private_files import read_secret

SECONDS = 60.0
"""A report over millions of events takes some seconds."""
MAX_KEY_BYTES = 4_096
MAX_ANSWER_BYTES = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """Where the services are, and the API key to use."""

    services: str = setting(URL, "http://127.0.0.1:8080", "Base URL of the services.")
    api_key_file: Path = setting(PATH, ".matinee/services/api.key", "File with the API key, mode 0600.")
    json: bool = setting(SWITCH, "off", "Print the answer as JSON.")


class ServiceCommand(NamedTuple):
    """One command of a module with several (see `tools.cli`)."""

    SETTINGS: type
    run: Callable[..., int]


class ServiceApi:
    """The services' API. Methods raise MatineeError when the services refuse or do not answer."""

    def __init__(self, settings: ServiceSettings, session: aiohttp.ClientSession) -> None:
        self._address = settings.services.rstrip("/")
        self._session = session
        self.settings = settings

    async def get(self, path: str, **query: object) -> Any:
        """GET; `query` members that are None are left out."""
        asked = {name: str(value) for name, value in query.items() if value is not None}
        return await self._request("GET", path + (f"?{urlencode(asked)}" if asked else ""), None)

    async def post(self, path: str) -> Any:
        """POST an empty JSON object."""
        return await self._request("POST", path, {})

    async def put(self, path: str, body: object) -> Any:
        """PUT a JSON body."""
        return await self._request("PUT", path, body)

    async def delete(self, path: str) -> Any:
        """DELETE."""
        return await self._request("DELETE", path, None)

    async def _request(self, method: str, path: str, body: object) -> Any:
        try:
            async with self._session.request(method, f"{self._address}{path}", json=body) as answer:
                found = json.loads(await read_at_most(answer.content, MAX_ANSWER_BYTES))
                status = answer.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise MatineeError(
                f"no services answer at {self._address} ({type(error).__name__}): do they run there? See --services"
            ) from None
        except ValueError:
            raise MatineeError(f"the answer of {self._address} is not from the services: see --services") from None
        if status >= 400:
            told = found if isinstance(found, dict) else {}
            raise MatineeError(f"the services refuse ({status} {told.get('reason', '')}): {told.get('detail', '')}")
        return found


def run_with_services(settings: ServiceSettings, work: Callable[[ServiceApi], Awaitable[int]]) -> int:
    """Run `work` with a client for the services; returns its exit code. Raises BadSettings, MatineeError."""
    try:
        key = read_secret(settings.api_key_file, "api_key_file", MAX_KEY_BYTES).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", error)
        raise BadSettings("api_key_file", f"{settings.api_key_file} cannot be read: {why}") from None

    async def run() -> int:
        headers = {"Authorization": f"Bearer {key}"}
        limit = aiohttp.ClientTimeout(total=SECONDS)
        async with aiohttp.ClientSession(headers=headers, timeout=limit) as session:
            return await work(ServiceApi(settings, session))

    return asyncio.run(run())


def show_json(found: object) -> int:
    """Print JSON; returns 0, the exit code."""
    print(json.dumps(found, indent=2, ensure_ascii=False))
    return 0
