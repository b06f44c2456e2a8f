"""Keys: `matinee fleet keys|key make|key revoke` for API keys, `signing-keys|signing-key withdraw` for public keys.

An API key opens control's HTTP API; a public key verifies viewers' tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console

from kernel.settings.table import TEXT, choice, setting
from tools.fleet.client import (
    ChangeSettings,
    ControlApi,
    FleetCommand,
    FleetSettings,
    path_segment,
    run_with_control,
    show_json,
)
from tools.fleet.tables import now, relative_time, table


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeSettings(FleetSettings):
    """`matinee fleet key make`."""

    may: str = setting(choice("viewer", "operator", "admin"), "viewer", "The role of the key.")
    expires: str | None = setting(TEXT, None, "When the key expires (ISO 8601); not set: never.")


def keys(settings: FleetSettings) -> int:
    """List the API keys, without their secrets."""

    async def work(control: ControlApi) -> int:
        rows = (await control.get("/v1/api-keys"))["apiKeys"]
        if settings.json:
            return show_json(rows)
        shown = [
            (
                row["id"],
                row["name"],
                row["role"],
                "revoked" if row["revoked"] else row["expires"] or "",
                relative_time(row["lastUsed"], now()) if row["lastUsed"] else "never",
            )
            for row in rows
        ]
        Console().print(table("API keys", ("id", "name", "role", "expires", "last used"), shown))
        return 0

    return run_with_control(settings, work)


def make(settings: MakeSettings, name: str) -> int:
    """Create an API key; print the key alone on standard output, the rest on standard error."""

    async def work(control: ControlApi) -> int:
        body = {"name": name, "role": settings.may} | ({"expires": settings.expires} if settings.expires else {})
        said = await control.post("/v1/api-keys", body)
        if settings.json:
            return show_json(said)
        Console(stderr=True).print(f"{settings.may} key {said['id']} for {name}; it cannot be shown again:")
        print(said["key"])
        return 0

    return run_with_control(settings, work)


def revoke(settings: FleetSettings, key: str) -> int:
    """Revoke an API key at once."""

    async def work(control: ControlApi) -> int:
        said = await control.delete(f"/v1/api-keys/{path_segment(key)}")
        if settings.json:
            return show_json(said)
        print(f"revoked key {key}")
        return 0

    return run_with_control(settings, work)


def signing_keys(settings: FleetSettings) -> int:
    """List the public keys that tokens verify with."""

    async def work(control: ControlApi) -> int:
        jwks = await control.get("/v1/keys")
        if settings.json:
            return show_json(jwks)
        shown = [(key["kid"], key["kty"], key.get("crv", ""), key.get("alg", "")) for key in jwks["keys"]]
        Console().print(table("public keys", ("kid", "type", "curve", "algorithm"), shown))
        return 0

    return run_with_control(settings, work)


def withdraw(settings: ChangeSettings, kid: str) -> int:
    """Withdraw a public key at once: edges refuse the tokens that it signed, and services cannot add it again."""

    async def work(control: ControlApi) -> int:
        answer = await control.delete(f"/v1/keys/{path_segment(kid)}", reason=settings.reason)
        if settings.json:
            return show_json(answer)
        print(f"withdrew public key {kid} with revision {answer['revision']}")
        return 0

    return run_with_control(settings, work)


KEYS = FleetCommand(FleetSettings, keys)
MAKE = FleetCommand(MakeSettings, make)
REVOKE = FleetCommand(FleetSettings, revoke)
SIGNING_KEYS = FleetCommand(FleetSettings, signing_keys)
WITHDRAW = FleetCommand(ChangeSettings, withdraw)
