"""Waits between attempts, and whom to ask next."""

from __future__ import annotations

import pytest

from edge.fleet.control_link import MAX_BACKOFF, Addresses, ControlCallbacks, backoff
from kernel.fleet.messages import NOTHING


def test_waits_double_up_to_a_most_and_are_spread() -> None:
    assert [backoff(n, 0.999999) for n in (1, 2, 3)] == pytest.approx([0.2, 0.4, 0.8], rel=1e-3)
    assert backoff(1, 0.0) == pytest.approx(0.1)
    assert backoff(10_000, 0.999999) == pytest.approx(MAX_BACKOFF, rel=1e-3)


def test_edges_begin_at_different_replicas_and_go_round() -> None:
    assert {Addresses("abc", spread / 10).next() for spread in range(10)} == set("abc")
    addresses = Addresses(["a:1", "b:2"], 0.5)
    assert addresses.latest == "b:2"
    assert [addresses.next() for _ in range(4)] == ["b:2", "a:1", "b:2", "a:1"]
    assert addresses.latest == "a:1"


def test_who_does_not_listen_need_not() -> None:
    ears = ControlCallbacks()
    assert ears.report() is None
    assert ears.mark() == NOTHING
