"""Who is let in, and who makes room."""

import ipaddress

import pytest

from httpd.connection_limits import ConnectionTable, limit_key
from kernel.settings.door_settings import LOOPBACK

PROXIES = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"), *LOOPBACK]


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("127.3.3.3", None),
        ("::1", None),
        ("::ffff:127.0.0.1", None),
        ("10.1.2.3", None),
        ("fd00::1", None),
        ("", None),
    ],
)
def test_as_what_a_client_is_counted(address, counted):
    assert limit_key(address, PROXIES) == counted


def test_one_address_has_its_share_and_no_more():
    table = ConnectionTable(10, 2, LOOPBACK)
    assert [table.admit(n, f"2001:db8::{n}")[0] for n in range(4)] == [True, True, False, False]
    assert table.admit("other", "2001:db8:0:1::1") == (True, None)
    table.remove(0)
    table.remove(0)
    assert [table.admit(f"again{n}", "2001:db8::9")[0] for n in range(2)] == [True, False]
    assert all(table.admit(f"near{n}", "127.0.0.1")[0] for n in range(5))


def test_who_has_waited_longest_makes_room_and_who_asks_is_left_alone():
    table = ConnectionTable(3, 0)
    for name in "abc":
        table.admit(name, "127.0.0.1")
    table.mark_active("a")
    assert table.admit("d", "127.0.0.1") == (True, "b")
    table.mark_idle("a")
    assert table.admit("e", "127.0.0.1") == (True, "c")
    assert table.admit("f", "127.0.0.1") == (True, "d")
    assert table.admit("g", "127.0.0.1") == (True, "a")
    for name in "efg":
        table.mark_active(name)
    assert table.admit("h", "127.0.0.1") == (False, None)
    assert len(table) == 3
    table.remove("b")
    table.mark_idle("b")
    assert "b" not in table.all()
