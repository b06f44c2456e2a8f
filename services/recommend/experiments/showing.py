"""Where a list is shown, as its request says."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from aiohttp import web

from kernel.errors import BadRequest
from services.http import params


@dataclass(frozen=True, slots=True)
class Showing:
    """Where a list is shown: the part of the app, the kind of device, the viewer's hour; "" and None = unknown."""

    surface: str = ""
    device: str = ""
    hour: int | None = None


def read_showing(request: web.Request) -> Showing:
    """Where a list is shown, by `surface` and `context`. Unknown keys of a context mean nothing. Raises BadRequest."""
    surface, context = params.text(request, "surface") or "", params.text(request, "context") or ""
    for name, value, most in (("context", context, 200), ("surface", surface, 64)):
        if len(value) > most:
            raise BadRequest(400, "parameter-value", f"query parameter `{name}` is longer than {most} characters")
    pairs = _read_context(context)
    hour = pairs.get("hour", "")
    if hour and not (hour.isascii() and hour.isdigit() and int(hour) <= 23):
        raise BadRequest(400, "parameter-value", "query parameter `context`: `hour` is a whole number from 0 to 23")
    return Showing(surface.casefold(), pairs.get("device", "").casefold()[:40], int(hour) if hour else None)


def _read_context(context: str) -> dict[str, str]:
    """The members of `device=tv,hour=21`, or of a JSON object with the same."""
    if context.lstrip().startswith("{"):
        try:
            found = msgspec.json.decode(context, type=dict[str, str | int])
        except msgspec.DecodeError:
            raise BadRequest(
                400, "parameter-value", "query parameter `context` is no JSON object of words and numbers"
            ) from None
        return {name.strip().casefold(): str(value).strip() for name, value in found.items()}
    parts = [part.partition("=") for part in context.replace(";", ",").split(",")]
    return {name.strip().casefold(): value.strip() for name, _, value in parts}
