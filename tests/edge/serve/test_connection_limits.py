"""Who is let in, who is turned away in words, who is cut."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edge.policy.locate import parse_ip
from edge.serve.connection_limits import MIN_REFUSED, ConnectionLimits
from edge.settings import EdgeSettings
from edge.wire.viewer import Viewer
from kernel.settings.table import resolve
from tests.edge.wire.fakes import Remembering, connected


def crowd(**settings: Any) -> ConnectionLimits:
    given = {"upstream": "http://127.0.0.1:1", "tokens": "off"} | settings
    return ConnectionLimits(resolve(EdgeSettings, flags={name: [str(value)] for name, value in given.items()}), print)


def viewer(address: str = "192.0.2.7") -> Any:
    connection, _ = connected(Remembering())
    connection.address = address
    connection.viewer = Viewer(address, parse_ip(address))
    return connection


def test_the_number_of_viewers_is_bounded() -> None:
    """Some more are told so; the rest is cut without a word."""
    full = crowd(max_connections=8)
    inside = [viewer(f"192.0.2.{number}") for number in range(8)]
    assert all(full.admits(one) for one in inside)
    told = [viewer(f"198.51.100.{number}") for number in range(MIN_REFUSED)]
    assert not any(full.admits(one) for one in told)
    assert {one.transport.end for one in told} == {""}
    cut = viewer("203.0.113.1")
    assert not full.admits(cut)
    assert cut.transport.end == "aborted"
    for one in (*told, cut, inside[0]):
        full.release(one)
    assert full.admits(viewer("203.0.113.2"))


def test_the_number_from_one_address_can_be_bounded() -> None:
    few = crowd(max_connections_per_address=2)
    first = viewer()
    assert few.admits(first)
    assert few.admits(viewer())
    third = viewer()
    assert not few.admits(third)
    assert few.admits(viewer("192.0.2.8"))
    for one in (first, third):
        few.release(one)
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
        few.release(one)
    few.settings = replace(few.settings, max_connections=1, max_connections_per_address=0)
    assert [few.admits(viewer()) for _ in range(2)] == [True, False]


def test_a_connection_accepted_just_before_a_drain_is_served() -> None:
    """It got a 503 though a successor or another node was there for those that came after it."""
    closed = crowd()
    closed.closed = True
    assert closed.admits(viewer())


@pytest.mark.parametrize(("address", "let_in"), [("127.0.0.1", True), ("10.0.0.1", True), ("192.0.2.1", False)])
def test_a_shield_answers_whom_it_knows(address: str, let_in: bool) -> None:
    shield = crowd(role="shield", allow="10.0.0.0/8")
    assert shield.admits(viewer(address)) is let_in


def test_one_address_may_have_a_quarter_of_the_node() -> None:
    """One /64 of IPv6 is one address, and IPv4 is the same however it is written."""
    node = crowd(max_connections=8)
    assert [node.admits(viewer("192.0.2.7")) for _ in range(3)] == [True, True, False]
    assert not node.admits(viewer("::ffff:192.0.2.7"))
    assert [node.admits(viewer(f"2001:db8::{number}")) for number in range(3)] == [True, True, False]
    assert node.admits(viewer("2001:db8:0:1::1"))


def test_a_quarter_is_of_what_the_descriptors_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.serve.connection_limits.resource.getrlimit", lambda _: (64, 64))
    node = crowd()
    assert (node.max_connections, node.max_per_address, node.max_handshakes) == (48, 12, 24)


@pytest.mark.parametrize(
    ("address", "settings"),
    [
        ("127.0.0.1", {}), ("::1", {}), ("::ffff:127.0.0.1", {}), ("10.1.2.3", {"trusted_proxies": "10.0.0.0/8"}),
        ("10.1.2.3", {"role": "shield", "allow": "10.0.0.0/8"}), ("192.0.2.7", {"max_connections_per_address": 0}),
    ],
)  # fmt: skip
def test_who_is_exempt_may_take_all(address: str, settings: dict[str, Any]) -> None:
    node = crowd(max_connections=8, **settings)
    assert all(node.admits(viewer(address)) for _ in range(8))


def forwarded(address: str) -> Viewer:
    return Viewer(address, parse_ip(address))


def test_of_what_a_proxy_forwards_each_running_request_counts_for_its_viewer() -> None:
    """One viewer cannot take all of the proxy's connections."""
    node = crowd(max_connections=8, trusted_proxies="10.0.0.1")
    through = [viewer("10.0.0.1") for _ in range(4)]
    assert all(node.admits(one) for one in through)
    greedy = forwarded("192.0.2.7")
    assert [node.admits_forwarded(one, greedy) for one in through[:3]] == [True, True, False]
    assert node.admits_forwarded(through[2], forwarded("192.0.2.8"))
    assert not node.admits(viewer("192.0.2.7"))  # straight or through a proxy, it is the same address
    through[0].done()
    through[1].connection_lost(None)
    assert node.admits_forwarded(through[3], greedy)


def test_a_handshake_counts_as_the_viewer_that_it_becomes() -> None:
    node = crowd(max_connections=8)
    one, two, three = viewer(), viewer(), viewer()
    assert node.begin_handshake(one, "192.0.2.7", print)
    assert node.begin_handshake(two, "192.0.2.7", print)
    assert not node.begin_handshake(three, "192.0.2.7", print)
    assert node.admits(one)
    assert node.admits(two)
    assert node.handshakes == 0
    assert not node.begin_handshake(three, "192.0.2.7", print)
    node.release(one)
    assert node.begin_handshake(three, "192.0.2.7", print)
    node.end_handshake(three, "failed")
    assert node.counts.handshakes == {"done": 2, "failed": 1}


def test_of_too_many_handshakes_the_one_that_began_first_gives_way() -> None:
    node = crowd(max_handshakes=4)
    ended: list[int] = []
    for number in range(6):
        assert node.begin_handshake(number, f"192.0.2.{number}", lambda number=number: ended.append(number))  # type: ignore[misc]
    assert ended == [0, 1]
    assert node.handshakes == 4
    node.cut_handshakes()
    assert ended == [0, 1, 2, 3, 4, 5]
