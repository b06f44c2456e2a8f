"""What is in force at an edge is replaced whole."""

from __future__ import annotations

from edge.policy.node import Node
from edge.policy.profile import PROFILES
from edge.policy.rules import Rules


def test_rules_are_replaced_and_never_changed() -> None:
    """A decision that remembers the old rules sees by identity that others are in force."""
    node = Node("e1", b"e1", PROFILES["media"], Rules(), None, frozenset())
    before = node.rules
    node.rules = Rules.parse({"default": "deny"})
    assert node.rules is not before
    assert before == Rules()
