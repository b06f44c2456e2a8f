"""What an update from control changes: (state, update) -> (new state, effects). Pure.

A state is immutable: an update is applied completely or refused, and a refused update leaves the state as it was. The
state of a version is the same in whatever order deltas and snapshots arrive, or get lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from edge.policy.rules import MAX_REVOKED, MAX_TITLES, Rules
from kernel.auth.licence import Licence, parse_content_id, parse_default, parse_licence, parse_session, parse_until
from kernel.auth.signing_keys import NO_KEYS, KeySet
from kernel.documents import BadDocument, kind_of, load_json, parse_object
from kernel.fleet.hot_list import parse_hot
from kernel.fleet.messages import (
    DEFAULT,
    HOT,
    KEYS,
    NOTHING,
    RULES,
    SESSION,
    SETTINGS,
    TITLE,
    Ack,
    Nack,
    Resource,
    Update,
    Version,
)
from kernel.settings.live_settings import check_settings
from kernel.vocabulary import Refusal

MAX_RESOURCE_BYTES = 64 << 10
MAX_DOCUMENT_BYTES = 1 << 20
"""Bound of a document meant for one edge: its settings, its hot list."""

_FROM_CONTROL = Rules(unlisted=Refusal.COUNTRY)


@dataclass(frozen=True, slots=True)
class FleetState:
    """Everything that an edge has from control. Initially no title is licensed and no key verifies.

    `jwks` has the JWK of each key in `keys`, by kid; `documents` has the edge's own documents (JSON objects), by type.
    """

    rules: Rules = _FROM_CONTROL
    keys: KeySet = NO_KEYS
    jwks: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))
    documents: Mapping[str, Mapping[str, object]] = field(default_factory=lambda: MappingProxyType({}))
    versions: Mapping[str, Version] = field(default_factory=lambda: MappingProxyType({}))

    def version(self, kind: str) -> Version:
        """The version held of a resource type."""
        return self.versions.get(kind, NOTHING)

    def without_document(self, kind: str) -> FleetState:
        """The state without a document that this node cannot use: control sends its newest version again."""
        documents = {name: held for name, held in self.documents.items() if name != kind}
        versions = {name: held for name, held in self.versions.items() if name != kind}
        return replace(self, documents=MappingProxyType(documents), versions=MappingProxyType(versions))


@dataclass(frozen=True, slots=True)
class Changed:
    """Effect: the state holds a new version of a type. Use it, store it, then send `Applied`."""

    type: str
    version: Version


Effect = Ack | Nack | Changed


def apply(state: FleetState, update: Update) -> tuple[FleetState, tuple[Effect, ...]]:
    """The state after the update, and the effects in order.

    An update no newer than the state changes nothing and is acknowledged with the version held. A delta whose base is
    not the version held is refused with `resync`: it may not name what the versions in between added and removed.
    """
    held = state.version(update.type)
    same_epoch = held.epoch == update.version.epoch
    if update.type not in _APPLY:
        return state, (_nack(update, f"this edge knows no resources of type {update.type!r}"),)
    if same_epoch and update.version.number <= held.number:
        return state, (Ack(update.type, held, update.nonce),)
    if not update.snapshot and (not same_epoch or update.base != held.number):
        return state, (
            _nack(update, f"the delta starts at {update.base}, but this edge holds {held.number}", resync=True),
        )
    try:
        applied = _APPLY[update.type](state, update)
    except ValueError as error:
        return state, (_nack(update, str(error)),)
    versions = MappingProxyType({**state.versions, update.type: update.version})
    return replace(applied, versions=versions), (
        Ack(update.type, update.version, update.nonce),
        Changed(update.type, update.version),
    )


def _nack(update: Update, error: str, *, resync: bool = False) -> Nack:
    return Nack(update.type, update.version, update.nonce, error, resync)


def _apply_rules(state: FleetState, update: Update) -> FleetState:
    old = _FROM_CONTROL if update.snapshot else state.rules
    titles, sessions, unlisted = dict(old.titles), dict(old.sessions), old.unlisted
    for name in update.removed:
        if name == DEFAULT:
            unlisted = _FROM_CONTROL.unlisted
        elif name.startswith(TITLE):
            titles.pop(name.removeprefix(TITLE), None)
        else:
            sessions.pop(name.removeprefix(SESSION), None)
    for name, content in _contents(update.resources):
        if name == DEFAULT:
            unlisted = parse_default(parse_object(content, name, ("default",)).get("default"), f"{name}.default")
        elif name.startswith(TITLE):
            titles[parse_content_id(name.removeprefix(TITLE))] = parse_licence(content, name)
        elif name.startswith(SESSION):
            until = parse_object(content, name, ("until",)).get("until")
            sessions[parse_session(name.removeprefix(SESSION), name)] = parse_until(until, f"{name}.until")
        else:
            raise BadDocument(name, "is no name of a rule")
    return replace(state, rules=_bounded(update.version.number, unlisted, titles, sessions))


def _bounded(version: int, unlisted: Refusal | None, titles: dict[str, Licence], sessions: dict[str, float]) -> Rules:
    if len(titles) > MAX_TITLES or len(sessions) > MAX_REVOKED:
        raise BadDocument("rules", f"more than {MAX_TITLES} titles or {MAX_REVOKED} revoked sessions")
    return Rules(version=version, unlisted=unlisted, titles=titles, sessions=sessions)


def _apply_keys(state: FleetState, update: Update) -> FleetState:
    jwks = {} if update.snapshot else dict(state.jwks)
    for name in update.removed:
        jwks.pop(name, None)
    for name, content in _contents(update.resources):
        if not isinstance(content, dict) or content.get("kid") != name:
            raise BadDocument(name, f"must be a JWK of this kid, not {kind_of(content)}")
        jwks[name] = content
    return replace(state, jwks=MappingProxyType(jwks), keys=key_set(jwks, update.version))


def key_set(jwks: Mapping[str, Mapping[str, Any]], version: Version) -> KeySet:
    """The verifying keys of these JWKs, named for the version they came with. Raises ValueError."""
    return KeySet.from_jwks({"keys": list(jwks.values())}, f"{version.epoch}:{version.number}")


def _apply_document(state: FleetState, update: Update) -> FleetState:
    kind = update.type
    if not update.snapshot or update.removed or len(update.resources) > 1:
        raise BadDocument(kind, "must be a snapshot of at most one resource")
    documents = {name: held for name, held in state.documents.items() if name != kind}
    for name, content in _contents(update.resources, MAX_DOCUMENT_BYTES):
        if name != kind:
            raise BadDocument(name, f"is not the document {kind}")
        documents[kind] = check_document(kind, content)
    return replace(state, documents=MappingProxyType(documents))


def check_document(kind: str, content: object) -> Mapping[str, object]:
    """The JSON of a document if this release can use it. Raises BadDocument naming the member."""
    return _CHECKS[kind](content)


def _check_hot(content: object) -> Mapping[str, object]:
    parse_hot(content)
    return content  # type: ignore[return-value]  # an object, as has been seen


_CHECKS: Mapping[str, Callable[[object], Mapping[str, object]]] = {SETTINGS: check_settings, HOT: _check_hot}


def _contents(resources: tuple[Resource, ...], max_bytes: int = MAX_RESOURCE_BYTES) -> Iterator[tuple[str, object]]:
    for resource in resources:
        if len(resource.content) > max_bytes:
            raise BadDocument(resource.name, f"is larger than {max_bytes >> 10} KiB")
        try:
            content = load_json(resource.content)
        except BadDocument as error:
            raise BadDocument(resource.name, error.why) from None
        yield resource.name, content


_APPLY = {RULES: _apply_rules, KEYS: _apply_keys, SETTINGS: _apply_document, HOT: _apply_document}
