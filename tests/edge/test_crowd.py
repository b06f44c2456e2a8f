"""Who is let in, who is turned away in words, who is cut."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import Any

import pytest

from edge.crowd import TURNED_AWAY_LEAST, Crowd
from edge.locate import Viewer
from edge.settings import EdgeSettings
from kernel.settings import resolve
from tests.edge.wire.fakes import Remembering, connected


def crowd(**settings: Any) -> Crowd:
    given = {"upstream": "http://127.0.0.1:1", "tokens": "off"} | settings
    return Crowd(resolve(EdgeSettings, flags={name: [str(value)] for name, value in given.items()}))


def viewer(address: str = "192.0.2.7") -> Any:
    connection, _ = connected(Remembering())
    connection.address = address
    connection.viewer = Viewer(address, ipaddress.ip_address(address))
    return connection


def test_the_number_of_viewers_is_bounded() -> None:
    """Some more are told so; the rest is cut without a word."""
    full = crowd(max_connections=8)
    inside = [viewer() for _ in range(8)]
    assert all(full.admits(one) for one in inside)
    told = [viewer() for _ in range(TURNED_AWAY_LEAST)]
    assert not any(full.admits(one) for one in told)
    assert {one.transport.end for one in told} == {""}
    cut = viewer()
    assert not full.admits(cut)
    assert cut.transport.end == "aborted"
    for one in (*told, cut, inside[0]):
        full.left(one)
    assert full.admits(viewer())


def test_the_number_from_one_address_can_be_bounded() -> None:
    few = crowd(max_connections_per_address=2)
    first = viewer()
    assert few.admits(first)
    assert few.admits(viewer())
    third = viewer()
    assert not few.admits(third)
    assert few.admits(viewer("192.0.2.8"))
    for one in (first, third):
        few.left(one)
    assert few.admits(viewer())
    assert not few.admits(viewer())


def test_limits_that_are_replaced_count_for_whoever_comes_then() -> None:
    """Those who are inside stay, and are counted."""
    few = crowd()
    inside = [viewer() for _ in range(3)]
    assert all(few.admits(one) for one in inside)
    few.settings = replace(few.settings, max_connections_per_address=3)
    fourth = viewer()
    assert not few.admits(fourth)
    for one in (fourth, *inside):
        few.left(one)
    few.settings = replace(few.settings, max_connections=1, max_connections_per_address=0)
    assert [few.admits(viewer()) for _ in range(2)] == [True, False]


def test_nobody_is_let_in_once_it_is_closed() -> None:
    closed = crowd()
    closed.closed = True
    assert not closed.admits(viewer())


@pytest.mark.parametrize(("address", "let_in"), [("127.0.0.1", True), ("10.0.0.1", True), ("192.0.2.1", False)])
def test_a_shield_answers_whom_it_knows(address: str, let_in: bool) -> None:
    shield = crowd(role="shield", allow="10.0.0.0/8")
    assert shield.admits(viewer(address)) is let_in
