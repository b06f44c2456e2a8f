"""A node says where it is; what counts is where it comes from."""

from __future__ import annotations

import pytest

from control.fleet.own_address import check_addresses, host_of
from kernel.fleet.messages import Hello


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        ("ipv4:192.0.2.7:5000", "192.0.2.7"),
        ("ipv6:%5B::1%5D:5000", "::1"),
        ("ipv6:[2001:db8::1]:5000", "2001:db8::1"),
        ("ipv6:[::ffff:192.0.2.7]:1", "192.0.2.7"),
        ("unix:/tmp/x", "None"),
        ("", "None"),
    ],
)
def test_where_a_connection_comes_from(peer: str, host: str) -> None:
    assert str(host_of(peer)) == host


@pytest.mark.parametrize(
    ("peer", "address", "admin", "kept"),
    [
        ("ipv4:192.0.2.7:5", "192.0.2.7:443", "192.0.2.7:9090", ("192.0.2.7:443", "192.0.2.7:9090")),
        ("ipv4:192.0.2.7:5", "0.0.0.0:443", "0.0.0.0:9090", ("0.0.0.0:443", "192.0.2.7:9090")),
        ("ipv4:127.0.0.1:5", "127.0.0.2:8081", "localhost:9090", ("127.0.0.2:8081", "localhost:9090")),
        ("ipv6:[::1]:5", "[::1]:8081", "127.0.0.1:9090", ("[::1]:8081", "127.0.0.1:9090")),
        ("ipv4:192.0.2.7:5", "203.0.113.9:443", "127.0.0.1:9090", ("", "")),
        ("ipv4:192.0.2.7:5", "evil.example:443", "169.254.169.254:80", ("", "")),
        ("ipv4:127.0.0.1:5", "203.0.113.9:443", "10.0.0.1:9090", ("", "")),
        ("unix:/x", "127.0.0.1:1", "127.0.0.1:2", ("", "")),
    ],
)
def test_only_its_own_address_counts(peer: str, address: str, admin: str, kept: tuple[str, str]) -> None:
    found = check_addresses(Hello("e1", address=address, admin=admin), peer, certified=True)
    assert (found.hello.address, found.hello.admin) == kept
    assert bool(found.ignored) is (kept == ("", ""))


def test_the_address_of_another_node_is_not_its_own() -> None:
    found = check_addresses(
        Hello("e9", address="127.0.0.1:80"), "ipv4:127.0.0.1:5", certified=True, taken={"127.0.0.1:80"}
    )
    assert (found.hello.address, found.ignored) == ("", "address 127.0.0.1:80 is another node's")


def test_without_certificates_viewers_may_be_sent_anywhere_but_control_asks_this_machine_only() -> None:
    said = Hello("e1", address="edge.example:80", admin="10.0.0.1:9090")
    found = check_addresses(said, "ipv4:127.0.0.1:5", certified=False)
    assert (found.hello.address, found.hello.admin) == ("edge.example:80", "")
