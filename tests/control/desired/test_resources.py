"""The desired state: what a revision changes, and what is remembered for deltas."""

from __future__ import annotations

import pytest

import control.desired.resources
from control.desired.resources import Change, Desired
from kernel.fleet.messages import KEYS, RULES, Version


def put(name: str, content: bytes = b"{}", kind: str = RULES) -> Change:
    return Change({(kind, name): content})


def test_only_the_type_that_is_touched_gets_the_new_version() -> None:
    desired = Desired("e").with_change(put("title/a"), 1).with_change(put("k", kind=KEYS), 2)
    assert desired.revision == 2
    assert desired.version(RULES) == Version("e", 1)
    assert desired.version(KEYS) == Version("e", 2)
    assert desired.content(RULES, "title/a") == b"{}"
    assert desired.content(RULES, "title/b") is None


def test_a_change_of_nothing_is_no_change() -> None:
    desired = Desired("e").with_change(put("title/a"), 1)
    assert not desired.effective(put("title/a"))
    assert not desired.effective(Change(removes=frozenset({(RULES, "title/b")})))
    assert desired.effective(put("title/a", b"[]"))
    assert desired.effective(Change(removes=frozenset({(RULES, "title/a")})))


def test_what_was_touched_after_a_revision_names_removals_too() -> None:
    desired = Desired("e").with_change(put("title/a"), 1).with_change(put("title/b"), 2)
    desired = desired.with_change(Change(removes=frozenset({(RULES, "title/a")})), 3)
    shelf = desired.resource_sets[RULES]
    assert shelf.touched_after(3) == frozenset()
    assert shelf.touched_after(2) == {"title/a"}
    assert shelf.touched_after(1) == {"title/a", "title/b"}
    assert shelf.touched_after(0) == {"title/a", "title/b"}
    assert set(shelf.resources) == {"title/b"}


def test_what_is_too_long_ago_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control.desired.resources, "MAX_LOG", 2)
    desired = Desired("e")
    for number in range(1, 6):
        desired = desired.with_change(put(f"title/{number}"), number)
    shelf = desired.resource_sets[RULES]
    assert shelf.touched_after(2) is None
    assert shelf.touched_after(3) == {"title/4", "title/5"}
