"""Give each node of `matinee up` that has no identity yet an enrolment token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from kernel.errors import BadSettings, StorageFailed
from kernel.fleet.identity import BadIdentity, fingerprint
from rpc.identity_file import IdentityFile, write_private
from tools.fleet.enrol import create_enrolment, read_key
from tools.up.plan import Member, Plan

DAY = 86_400.0

CreateToken = Callable[[str, str, dict[str, Any]], Awaitable[dict[str, Any]]]


async def enrol_members(plan: Plan, now: float, ask: CreateToken = create_enrolment) -> list[str]:
    """Write a token for each member without an identity; return their ids. Control must run. Raises MatineeError."""
    trusted = _trusted(plan.authority)
    waiting = [member for member in plan.members if not has_valid_identity(member, trusted, now)]
    for member in waiting:
        asked = {"id": member.id, "role": member.role, "region": member.region, "ttl": DAY}
        made = await ask(plan.addresses.control_rest, read_key(plan.control_key), asked)
        write_private(member.token, made["token"].encode() + b"\n")
    return [member.id for member in waiting]


def has_valid_identity(member: Member, trusted: bytes, now: float) -> bool:
    """Whether the member has a valid identity of this fleet."""
    try:
        held = IdentityFile(member.folder).load()
    except (BadIdentity, StorageFailed):
        return False
    return held is not None and fingerprint(held.authority) == trusted and held.identity.ends > now


def _trusted(authority: Path) -> bytes:
    try:
        return fingerprint(authority.read_bytes())
    except (OSError, ValueError) as error:
        raise BadSettings("state", f"{authority} is not usable ({error}); FRESH=1 creates a new one") from None
