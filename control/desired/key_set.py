"""The fleet's set of public keys, as changes of the desired state. Pure.

Control owns the set. Each key has an owner: the operators ("") or the services that sign with it. An owner puts only
its own keys. A key that services no longer sign with is retired: it verifies until its last token has expired, and is
then removed. An operator may withdraw any key at once; services cannot add it again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from control.desired.changes import LimitExceeded, NotFound, canonical
from control.desired.resources import KEY_OWNERS, Change, Desired
from kernel.auth.signing_keys import MAX_KEYS, KeySet
from kernel.documents import BadDocument
from kernel.fleet.messages import KEYS

OPERATOR = ""
MAX_LIFETIME = 366 * 86_400.0
DEFAULT_LIFETIME = 2 * 86_400.0
"""Lifetime in seconds of tokens of services that do not state one."""
MAX_WITHDRAWN = 256


class KidTaken(BadDocument):
    """Another key has that kid: tokens of the two could not be told apart."""


@dataclass(frozen=True, slots=True)
class KeyOwnership:
    """A key's owner. `lifetime`: of its tokens, in seconds; `retires`: when it is removed (Unix seconds).

    `withdrawn`: the digest of a key that must not come back.
    """

    owner: str = OPERATOR
    lifetime: float = 0.0
    retires: float | None = None
    withdrawn: str = ""


def put_keys(desired: Desired, jwks: object) -> Change:
    """Replace the operators' keys; those of services stay.

    Raises BadDocument if this is not a JWKS, or contains a secret, which every edge would get.
    """
    given, held = _parse_jwks(jwks), key_owners(desired)
    stays = {kid for kid, one in held.items() if one.owner != OPERATOR and not one.withdrawn}
    puts = {(KEYS, kid): content for kid, content in given.items()}
    for kid, content in given.items():
        if kid not in stays or desired.content(KEYS, kid) != content:
            puts[KEY_OWNERS, kid] = _json(KeyOwnership())
    ours = {kid for kid in desired.resource_set(KEYS).resources if kid not in stays and kid not in given}
    _check_room(len(stays | given.keys()))
    return Change(puts, frozenset((kind, kid) for kid in ours for kind in (KEYS, KEY_OWNERS)))


def put_own_keys(desired: Desired, jwks: object, owner: str, lifetime: float, now: float) -> Change:
    """Set the keys that `owner` signs with; its others are retired.

    Raises BadDocument naming what is wrong, KidTaken for a kid that another key has.
    """
    given, held = _parse_jwks(jwks), key_owners(desired)
    if not 0 <= lifetime <= MAX_LIFETIME:
        raise BadDocument("lifetime", f"must be 0 to {MAX_LIFETIME:.0f} seconds")
    puts: dict[tuple[str, str], bytes] = {}
    for kid, content in given.items():
        puts |= _claim_key(desired, held.get(kid), kid, content, KeyOwnership(owner, lifetime or DEFAULT_LIFETIME))
    for kid, one in held.items():
        if one.owner == owner and kid not in given and one.retires is None and not one.withdrawn:
            longest = max(one.lifetime, lifetime or DEFAULT_LIFETIME)
            puts[KEY_OWNERS, kid] = _json(replace(one, retires=now + longest))
    _check_room(len({*desired.resource_set(KEYS).resources, *given}))
    return Change(puts)


def _claim_key(
    desired: Desired, held: KeyOwnership | None, kid: str, content: bytes, mine: KeyOwnership
) -> dict[tuple[str, str], bytes]:
    """The puts that make a key this owner's; none if another owner has put the same key."""
    there = desired.content(KEYS, kid)
    if held is not None and held.withdrawn == _digest(content):
        raise BadDocument(f"keys.{kid}", "an operator withdrew this key: sign with another")
    if there is not None and there != content:
        raise KidTaken(f"keys.{kid}", "another key has this name: sign under another name")
    if there is None or held is None:  # new, or from a release without owners
        return {(KEYS, kid): content, (KEY_OWNERS, kid): _json(mine)}
    if held.owner != mine.owner:
        return {}
    return {(KEY_OWNERS, kid): _json(replace(mine, lifetime=max(mine.lifetime, held.lifetime)))}


def withdraw_key(desired: Desired, kid: str) -> Change:
    """Remove a key at once, whoever owns it. Raises NotFound."""
    content, held = desired.content(KEYS, kid), key_owners(desired)
    if content is None:
        raise NotFound(f"there is no key {kid[:128]!r}")
    one = held.get(kid, KeyOwnership())
    if one.owner == OPERATOR:
        return Change(removes=frozenset({(KEYS, kid), (KEY_OWNERS, kid)}))
    if sum(bool(other.withdrawn) for other in held.values()) >= MAX_WITHDRAWN:
        raise LimitExceeded(f"control remembers at most {MAX_WITHDRAWN} withdrawn keys")
    kept = _json(KeyOwnership(one.owner, withdrawn=_digest(content)))
    return Change({(KEY_OWNERS, kid): kept}, frozenset({(KEYS, kid)}))


def retire_keys(desired: Desired, now: float) -> Change:
    """Remove the retired keys whose last token has expired."""
    expired = [kid for kid, one in key_owners(desired).items() if one.retires is not None and one.retires < now]
    return Change(removes=frozenset((kind, kid) for kid in expired for kind in (KEYS, KEY_OWNERS)))


def key_owners(desired: Desired) -> dict[str, KeyOwnership]:
    """Each key's owner, by kid; keys from a release without owners are missing."""
    stored = desired.resource_set(KEY_OWNERS).resources
    return {kid: KeyOwnership(**json.loads(held.content)) for kid, held in stored.items()}


def jwks(desired: Desired) -> dict[str, list[Any]]:
    """The public keys held, as a JWKS."""
    return {"keys": [json.loads(held.content) for _, held in sorted(desired.resource_set(KEYS).resources.items())]}


def _parse_jwks(jwks: object) -> dict[str, bytes]:
    """The contents of a JWKS by kid. Raises BadDocument."""
    try:
        KeySet.from_jwks(jwks)
    except ValueError as error:
        raise BadDocument("keys", str(error)) from None
    entries: list[dict[str, Any]] = jwks["keys"]  # type: ignore[index]  # from_jwks has checked that it is
    for number, entry in enumerate(entries):
        if entry.get("kty") == "oct":
            raise BadDocument(f"keys[{number}]", "is a secret; control distributes public keys only (Ed25519, P-256)")
    return {entry["kid"]: canonical(entry) for entry in entries}


def _check_room(count: int) -> None:
    if count > MAX_KEYS:
        raise LimitExceeded(f"edges hold at most {MAX_KEYS} keys, retired ones included: withdraw some")


def _json(one: KeyOwnership) -> bytes:
    shown: Mapping[str, object] = asdict(one)
    return canonical({name: value for name, value in shown.items() if name == "owner" or value})


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
