"""The nodes of `matinee up` join its fleet by themselves: each that has no identity yet is given a token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from kernel.errors import BadSettings, StorageFailed
from kernel.fleet.identity import BadIdentity, fingerprint
from rpc.identity_file import IdentityFile, write_private
from tools.fleet.enrol import invite, read_key
from tools.up.plan import REGION, Choices, Member

DAY = 86_400.0

Invite = Callable[[str, str, dict[str, Any]], Awaitable[dict[str, Any]]]


async def invite_members(choices: Choices, now: float, ask: Invite = invite) -> list[str]:
    """Write a token for each member that needs one (control is up); their ids. Raises MatineeError."""
    trusted = _trusted(choices.authority)
    waiting = [member for member in choices.members if not has_joined(member, trusted, now)]
    for member in waiting:
        asked = {"id": member.id, "role": member.role, "region": REGION, "ttl": DAY}
        made = await ask(choices.places.control_rest, read_key(choices.control_key), asked)
        write_private(member.token, made["token"].encode() + b"\n")
    return [member.id for member in waiting]


def has_joined(member: Member, trusted: bytes, now: float) -> bool:
    """Whether its identity is of this fleet and still holds for a while."""
    try:
        held = IdentityFile(member.folder).load()
    except (BadIdentity, StorageFailed):
        return False
    return held is not None and fingerprint(held.authority) == trusted and held.identity.ends > now


def _trusted(authority: Path) -> bytes:
    try:
        return fingerprint(authority.read_bytes())
    except (OSError, ValueError) as error:
        raise BadSettings("state", f"{authority} cannot be used ({error}); FRESH=1 makes a new one") from None
