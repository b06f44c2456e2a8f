"""What operators and services ask for, checked as edges will check it."""

from __future__ import annotations

import json
from math import inf

import pytest

import control.desired.changes
from control.desired import changes
from control.desired.changes import LimitExceeded
from control.desired.resources import Change, Desired
from kernel.auth.signing_keys import generate_ed25519_pem, public_jwks
from kernel.documents import BadDocument
from kernel.fleet.messages import RULES

A = public_jwks(generate_ed25519_pem(), "a")["keys"][0]
B = public_jwks(generate_ed25519_pem(), "b")["keys"][0]


def after(desired: Desired, change: Change) -> Desired:
    return desired.with_change(change, desired.revision + 1)


def test_a_licence_is_kept_in_one_form_however_it_was_written() -> None:
    one = changes.put_titles(Desired("e"), {"film": {"allow": ["fr", "DE"], "deny": []}})
    other = changes.put_titles(Desired("e"), {"film": {"deny": None, "allow": ["DE", "FR", "DE"]}})
    assert one == other
    assert changes.licence(after(Desired("e"), one), "film") == {"allow": ["DE", "FR"]}
    assert changes.licence(Desired("e"), "film") is None


def test_titles_are_put_and_removed_at_once() -> None:
    desired = after(Desired("e"), changes.put_titles(Desired("e"), {"b": {}, "a": {}}))
    desired = after(desired, changes.put_titles(desired, {"c": {}}, ["a", "c"]))
    assert list(changes.title_ids(desired)) == ["b", "c"]


@pytest.mark.parametrize(
    ("titles", "told"),
    [
        ({"../a": {}}, "contentId"),
        ({"film": {"allow": ["XXX"]}}, r"titles\.film\.allow\[0\]"),
        ({"film": None}, r"titles\.film"),
    ],
)
def test_a_licence_that_edges_would_refuse_is_refused_here(titles: dict, told: str) -> None:
    with pytest.raises(BadDocument, match=told):
        changes.put_titles(Desired("e"), titles)


def test_a_revocation_ends_and_is_forgotten_some_time_after() -> None:
    desired = after(Desired("e"), changes.revoke(Desired("e"), "s", "1970-01-01T01:00:00Z"))
    desired = after(desired, changes.revoke(desired, "t", None))
    assert changes.revocations(desired) == {"s": 3600.0, "t": inf}
    assert not changes.end_revocations(desired, 7_000)
    assert changes.end_revocations(desired, 7_201).removes == {(RULES, "session/s")}


@pytest.mark.parametrize(("session", "until"), [("", None), (None, None), ("s", "soon"), ("s", [])])
def test_a_revocation_that_cannot_be_is_refused(session: object, until: object) -> None:
    with pytest.raises(BadDocument):
        changes.revoke(Desired("e"), session, until)


def test_the_number_of_rules_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control.desired.changes, "MAX_RULES", 2)
    desired = after(Desired("e"), changes.put_titles(Desired("e"), {"a": {}, "b": {}}))
    with pytest.raises(LimitExceeded):
        changes.put_titles(desired, {"c": {}})
    with pytest.raises(LimitExceeded):
        changes.revoke(desired, "s", None)
    assert changes.put_titles(desired, {"a": {"allow": []}})


def test_the_default_is_one_of_two() -> None:
    assert json.loads(changes.put_default("allow").puts[RULES, "default"]) == {"default": "allow"}
    with pytest.raises(BadDocument):
        changes.put_default("maybe")
