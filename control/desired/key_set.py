"""The fleet's set of public keys, as changes of the desired state: pure.

Control owns the set. Each key has an owner: an operator (""), or the services that sign with it. Each puts only
their own: an operator replaces the operators' keys, services add theirs. What services sign with no more is retired:
it verifies until the last token of it must have ended, and leaves then by itself. An operator may withdraw any key at
once; services cannot put it again.
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
"""Seconds that a token of services may hold which do not say how long theirs do."""
MAX_WITHDRAWN = 256


class KidTaken(BadDocument):
    """There is another key of that name: the tokens of both could not be told apart."""


@dataclass(frozen=True, slots=True)
class Owned:
    """Whose a key is. `lifetime`: seconds that a token of it may hold; `retires`: when it leaves (Unix seconds).

    `withdrawn` is a digest of a key that is not to come back.
    """

    owner: str = OPERATOR
    lifetime: float = 0.0
    retires: float | None = None
    withdrawn: str = ""


def put_keys(desired: Desired, jwks: object) -> Change:
    """The operators' keys, all of them; those that services own stay.

    BadDocument when it is no JWKS, or would give a secret to every edge.
    """
    given, held = _entries(jwks), owned(desired)
    stays = {kid for kid, one in held.items() if one.owner != OPERATOR and not one.withdrawn}
    puts = {(KEYS, kid): content for kid, content in given.items()}
    for kid, content in given.items():
        if kid not in stays or desired.content(KEYS, kid) != content:
            puts[KEY_OWNERS, kid] = _json(Owned())
    ours = {kid for kid in desired.resource_set(KEYS).resources if kid not in stays and kid not in given}
    _check_room(len(stays | given.keys()))
    return Change(puts, frozenset((kind, kid) for kid in ours for kind in (KEYS, KEY_OWNERS)))


def put_own_keys(desired: Desired, jwks: object, owner: str, lifetime: float, now: float) -> Change:
    """The keys that `owner` signs with from now on; its others are retired.

    BadDocument names what is wrong, KidTaken a name that another key has.
    """
    given, held = _entries(jwks), owned(desired)
    if not 0 <= lifetime <= MAX_LIFETIME:
        raise BadDocument("lifetime", f"must be 0 to {MAX_LIFETIME:.0f} seconds")
    puts: dict[tuple[str, str], bytes] = {}
    for kid, content in given.items():
        puts |= _own(desired, held.get(kid), kid, content, Owned(owner, lifetime or DEFAULT_LIFETIME))
    for kid, one in held.items():
        if one.owner == owner and kid not in given and one.retires is None and not one.withdrawn:
            longest = max(one.lifetime, lifetime or DEFAULT_LIFETIME)
            puts[KEY_OWNERS, kid] = _json(replace(one, retires=now + longest))
    _check_room(len({*desired.resource_set(KEYS).resources, *given}))
    return Change(puts)


def _own(desired: Desired, held: Owned | None, kid: str, content: bytes, mine: Owned) -> dict[tuple[str, str], bytes]:
    """What makes a key this owner's; nothing where it is somebody else's, who has put the very same."""
    there = desired.content(KEYS, kid)
    if held is not None and held.withdrawn == _digest(content):
        raise BadDocument(f"keys.{kid}", "an operator has withdrawn this key: sign with another")
    if there is not None and there != content:
        raise KidTaken(f"keys.{kid}", "another key has this name: sign under another name")
    if there is None or held is None:  # new, or of a release that knew no owners
        return {(KEYS, kid): content, (KEY_OWNERS, kid): _json(mine)}
    if held.owner != mine.owner:
        return {}
    return {(KEY_OWNERS, kid): _json(replace(mine, lifetime=max(mine.lifetime, held.lifetime)))}


def withdraw(desired: Desired, kid: str) -> Change:
    """Take a key away at once, whoever's it is. Raises NotFound."""
    content, held = desired.content(KEYS, kid), owned(desired)
    if content is None:
        raise NotFound(f"there is no key {kid[:128]!r}")
    one = held.get(kid, Owned())
    if one.owner == OPERATOR:
        return Change(removes=frozenset({(KEYS, kid), (KEY_OWNERS, kid)}))
    if sum(bool(other.withdrawn) for other in held.values()) >= MAX_WITHDRAWN:
        raise LimitExceeded(f"control remembers at most {MAX_WITHDRAWN} keys that were withdrawn")
    kept = _json(Owned(one.owner, withdrawn=_digest(content)))
    return Change({(KEY_OWNERS, kid): kept}, frozenset({(KEYS, kid)}))


def retire(desired: Desired, now: float) -> Change:
    """Take away the keys whose last token has ended."""
    over = [kid for kid, one in owned(desired).items() if one.retires is not None and one.retires < now]
    return Change(removes=frozenset((kind, kid) for kid in over for kind in (KEYS, KEY_OWNERS)))


def owned(desired: Desired) -> dict[str, Owned]:
    """Whose each key is, by kid; a key of a release that knew no owners is not in it."""
    shelf = desired.resource_set(KEY_OWNERS).resources
    return {kid: Owned(**json.loads(held.content)) for kid, held in shelf.items()}


def jwks(desired: Desired) -> dict[str, list[Any]]:
    """The public keys held, as a JWKS."""
    return {"keys": [json.loads(held.content) for _, held in sorted(desired.resource_set(KEYS).resources.items())]}


def _entries(jwks: object) -> dict[str, bytes]:
    """The contents of a JWKS by kid. Raises BadDocument."""
    try:
        KeySet.from_jwks(jwks)
    except ValueError as error:
        raise BadDocument("keys", str(error)) from None
    entries: list[dict[str, Any]] = jwks["keys"]  # type: ignore[index]  # from_jwks has seen that it is
    for number, entry in enumerate(entries):
        if entry.get("kty") == "oct":
            raise BadDocument(f"keys[{number}]", "is a secret; control hands out public keys only (Ed25519, P-256)")
    return {entry["kid"]: canonical(entry) for entry in entries}


def _check_room(count: int) -> None:
    if count > MAX_KEYS:
        raise LimitExceeded(f"edges hold at most {MAX_KEYS} keys, those that are retired with them: withdraw some")


def _json(one: Owned) -> bytes:
    shown: Mapping[str, object] = asdict(one)
    return canonical({name: value for name, value in shown.items() if name == "owner" or value})


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
