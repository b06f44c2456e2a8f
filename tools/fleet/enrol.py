"""`matinee fleet enrol`: create a one-time enrolment token for a new node."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from kernel.errors import BadRequest, BadSettings, UpstreamFailed
from kernel.fetch_reasons import UpstreamReason
from kernel.fleet.identity import ENROLLED
from kernel.settings.table import DURATION, PATH, TEXT, URL, choice, setting
from rpc.identity_file import write_private

WITHIN = 10.0


@dataclass(frozen=True, slots=True)
class EnrolSettings:
    """`matinee fleet enrol`."""

    id: str = setting(TEXT, None, "The new node's id.", required=True, flag_only=True)
    role: str = setting(choice(*ENROLLED), "edge", "The role of the node.", flag_only=True)
    region: str | None = setting(TEXT, None, "The region of the node.", flag_only=True)
    ttl: float = setting(DURATION, "1h", "How long the token is valid; it can be used once.", least=1)
    api: str = setting(URL, "http://127.0.0.1:8085", "URL of control's REST API.")
    api_key_file: Path = setting(PATH, ".matinee/control/api-key", "File with your API key.")
    out: Path | None = setting(PATH, None, "File to write the token to, mode 0600; else it is printed.")


SETTINGS = EnrolSettings


def run(settings: EnrolSettings) -> int:
    """Print the token, or write it to a file. Raises BadSettings, BadRequest, UpstreamFailed."""
    asked = {"id": settings.id, "role": settings.role, "region": settings.region or "", "ttl": settings.ttl}
    made = asyncio.run(create_enrolment(settings.api, read_key(settings.api_key_file), asked))
    if settings.out is None:
        print(made["token"])
    else:
        write_private(settings.out, made["token"].encode() + b"\n")
    note = f"enrols {settings.role} {settings.id} once, until {made['expires']}"
    print(f"{settings.out or 'this token'} {note}", file=sys.stderr)
    return 0


def read_key(path: Path) -> str:
    """The API key in a file. Raises BadSettings."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings("api_key_file", f"{path} cannot be read: {error}") from None


async def create_enrolment(api: str, key: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Control's response to `POST /v1/enrolments`: `token`, `expires` and more. Raises BadRequest, UpstreamFailed."""
    headers = {"Authorization": f"Bearer {key}"}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=WITHIN)) as session,
            session.post(f"{api.rstrip('/')}/v1/enrolments", json=asked, headers=headers) as answer,
        ):
            told: dict[str, Any] = await answer.json(content_type=None)
            if answer.status == 201:
                return told
            raise BadRequest(answer.status, "control-refused", f"control refuses: {told.get('detail', answer.status)}")
    except (OSError, aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise UpstreamFailed(
            UpstreamReason.CONTROL_UNREACHABLE, detail=f"control at {api}: {str(error) or 'no answer'}"
        ) from None
