"""What becomes of the edge's state when control says something: (state, update) -> (new state, effects).

A state is immutable and whole: an update is taken completely or refused, and then the old state stays. Whatever order
deltas, snapshots and their losses come in, the state of a version is always the same.
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
"""Of a document that is this edge's own: its settings, what is hot for it."""

_FROM_CONTROL = Rules(unlisted=Refusal.COUNTRY)


@dataclass(frozen=True, slots=True)
class State:
    """All that an edge has from control. Before anything was heard: no title is licensed, no key verifies.

    `jwks` has the documents that `keys` was made of, by kid; `documents` the edge's own by type, JSON objects.
    """

    rules: Rules = _FROM_CONTROL
    keys: KeySet = NO_KEYS
    jwks: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: MappingProxyType({}))
    documents: Mapping[str, Mapping[str, object]] = field(default_factory=lambda: MappingProxyType({}))
    versions: Mapping[str, Version] = field(default_factory=lambda: MappingProxyType({}))

    def version(self, kind: str) -> Version:
        """The version held of a type of resource."""
        return self.versions.get(kind, NOTHING)

    def without(self, kind: str) -> State:
        """The state without a document that cannot be used here: control sends its newest again."""
        documents = {name: held for name, held in self.documents.items() if name != kind}
        versions = {name: held for name, held in self.versions.items() if name != kind}
        return replace(self, documents=MappingProxyType(documents), versions=MappingProxyType(versions))


@dataclass(frozen=True, slots=True)
class Changed:
    """Effect: the state holds a new version of a type; use it, keep it, then say `Applied`."""

    type: str
    version: Version


Effect = Ack | Nack | Changed


def apply(state: State, update: Update) -> tuple[State, tuple[Effect, ...]]:
    """The state after the update, and what is to be done, in order.

    An update that is older than the state, or as old, changes nothing and is acknowledged with the version held. A
    delta that starts anywhere but at the version held is refused with `resync`: it may not name what the versions
    between added and took away again.
    """
    held = state.version(update.type)
    same_epoch = held.epoch == update.version.epoch
    if update.type not in _TAKE:
        return state, (_nack(update, f"this edge knows no resources of type {update.type!r}"),)
    if same_epoch and update.version.number <= held.number:
        return state, (Ack(update.type, held, update.nonce),)
    if not update.snapshot and (not same_epoch or update.base != held.number):
        return state, (_nack(update, f"a delta from {update.base} does not fit {held.number}", resync=True),)
    try:
        taken = _TAKE[update.type](state, update)
    except ValueError as error:
        return state, (_nack(update, str(error)),)
    versions = MappingProxyType({**state.versions, update.type: update.version})
    return replace(taken, versions=versions), (
        Ack(update.type, update.version, update.nonce),
        Changed(update.type, update.version),
    )


def _nack(update: Update, error: str, *, resync: bool = False) -> Nack:
    return Nack(update.type, update.version, update.nonce, error, resync)


def _take_rules(state: State, update: Update) -> State:
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
            raise BadDocument(name, "there are no rules of this name")
    return replace(state, rules=_bounded(update.version.number, unlisted, titles, sessions))


def _bounded(version: int, unlisted: Refusal | None, titles: dict[str, Licence], sessions: dict[str, float]) -> Rules:
    if len(titles) > MAX_TITLES or len(sessions) > MAX_REVOKED:
        raise BadDocument("rules", f"more than {MAX_TITLES} titles or {MAX_REVOKED} revoked sessions")
    return Rules(version=version, unlisted=unlisted, titles=titles, sessions=sessions)


def _take_keys(state: State, update: Update) -> State:
    jwks = {} if update.snapshot else dict(state.jwks)
    for name in update.removed:
        jwks.pop(name, None)
    for name, content in _contents(update.resources):
        if not isinstance(content, dict) or content.get("kid") != name:
            raise BadDocument(name, f"must be a JWK of this kid, not {kind_of(content)}")
        jwks[name] = content
    return replace(state, jwks=MappingProxyType(jwks), keys=key_set(jwks, update.version))


def key_set(jwks: Mapping[str, Mapping[str, Any]], version: Version) -> KeySet:
    """The verifying keys of the documents, named for the version they came with. Raises ValueError."""
    return KeySet.from_jwks({"keys": list(jwks.values())}, f"{version.epoch}:{version.number}")


def _take_document(state: State, update: Update) -> State:
    kind = update.type
    if not update.snapshot or update.removed or len(update.resources) > 1:
        raise BadDocument(kind, "comes as a snapshot of one resource, or of none")
    documents = {name: held for name, held in state.documents.items() if name != kind}
    for name, content in _contents(update.resources, MAX_DOCUMENT_BYTES):
        if name != kind:
            raise BadDocument(name, f"is not the document {kind}")
        documents[kind] = check_document(kind, content)
    return replace(state, documents=MappingProxyType(documents))


def check_document(kind: str, content: object) -> Mapping[str, object]:
    """The JSON of a document as it can be used; BadDocument naming the place."""
    return _CHECKS[kind](content)


def _check_hot(content: object) -> Mapping[str, object]:
    parse_hot(content)
    return content  # type: ignore[return-value]  # an object, as has been seen


_CHECKS: Mapping[str, Callable[[object], Mapping[str, object]]] = {SETTINGS: check_settings, HOT: _check_hot}


def _contents(resources: tuple[Resource, ...], most: int = MAX_RESOURCE_BYTES) -> Iterator[tuple[str, object]]:
    for resource in resources:
        if len(resource.content) > most:
            raise BadDocument(resource.name, f"is larger than {most >> 10} KiB")
        try:
            content = load_json(resource.content)
        except BadDocument as error:
            raise BadDocument(resource.name, error.why) from None
        yield resource.name, content


_TAKE = {RULES: _take_rules, KEYS: _take_keys, SETTINGS: _take_document, HOT: _take_document}
