"""The viewer's address behind trusted proxies, and the country out of databases of several makers."""

import ipaddress

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from edge.policy.locate import MAX_HOPS, Locator, country_of, parse_ip
from edge.wire.viewer import Viewer
from kernel.errors import BadSettings

PROXIES = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))


@pytest.fixture
def database(tmp_path):
    """An .mmdb with a record of each known form."""
    writer = MMDBWriter(6, ipv4_compatible=True, languages=["en"], description="test")
    for network, record in {
        "127.0.0.2/32": {"country": {"iso_code": "DE", "names": {"en": "Germany"}}},
        "192.0.2.0/24": {"country_code": "fr"},
        "198.51.100.0/24": {"country": "US"},
        "203.0.113.0/24": {"country": "Japan", "country_code": "JP"},
        "100.64.0.0/16": {"country": {"names": {"en": "?"}}},
        "2001:db8::/32": {"country": {"iso_code": "SE"}},
    }.items():
        writer.insert_network(IPSet([network]), record)
    file = tmp_path / "geo.mmdb"
    writer.to_db_file(str(file))
    return file


@pytest.mark.parametrize(
    ("address", "country"),
    [
        ("127.0.0.2", "DE"),
        ("192.0.2.7", "FR"),
        ("198.51.100.1", "US"),
        ("203.0.113.9", "JP"),
        ("100.64.1.1", None),
        ("2001:db8::1", "SE"),
        ("127.0.0.1", None),
        ("", None),
        ("unix:", None),
    ],
)
def test_the_country_of_an_address(database, address, country):
    assert Locator(database).country(address) == country


@pytest.mark.parametrize(
    ("record", "country"),
    [
        ("DE", "DE"),
        ("de", "DE"),
        ("", None),
        (None, None),
        (7, None),
        ({}, None),
        ({"country": None}, None),
        ({"country": {"iso_code": 7}}, None),
        ({"country": "Germany"}, None),
        ({"country_code": "ZZ", "country": "DE"}, "DE"),
    ],
)
def test_records(record, country):
    assert country_of(record) == country


def test_without_a_database_no_country_is_known():
    located = Locator(default_country="DE").locate("127.0.0.1")
    assert located == Viewer("127.0.0.1", ipaddress.ip_address("127.0.0.1"), None, "DE")


def test_a_database_of_ipv4_says_nothing_of_ipv6(tmp_path):
    writer = MMDBWriter(4)
    writer.insert_network(IPSet(["192.0.2.0/24"]), {"country_code": "DE"})
    writer.to_db_file(str(tmp_path / "v4.mmdb"))
    locator = Locator(tmp_path / "v4.mmdb")
    assert locator.country("192.0.2.1") == "DE"
    assert locator.country("2001:db8::1") is None
    locator.close()
    locator.close()
    assert locator.country("192.0.2.1") is None


@pytest.mark.parametrize("content", [None, b"", b"not a database" * 99])
def test_a_file_that_is_no_database_stops_the_start(tmp_path, content):
    file = tmp_path / "x.mmdb"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadSettings, match=r"setting `geo` \(file .*x\.mmdb\)"):
        Locator(file)
    with pytest.raises(BadSettings, match="geo"):
        Locator(tmp_path)


@pytest.mark.parametrize(
    ("peer", "lines", "viewer"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", [b"203.0.113.9"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [b"203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", [b"1.1.1.1, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", [b"1.1.1.1", b"203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", [b"203.0.113.9, 10.9.9.9"], "203.0.113.9"),
        ("10.0.0.1", [b"10.1.1.1,10.2.2.2"], "10.1.1.1"),
        ("10.0.0.1", [b"203.0.113.9, unknown"], "10.0.0.1"),
        ("10.0.0.1", [b"203.0.113.9, unknown, 10.2.2.2"], "10.2.2.2"),
        ("10.0.0.1", [b"203.0.113.9:4711"], "203.0.113.9"),
        ("10.0.0.1", [b"[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.0.0.1", [b"2001:DB8:0::1"], "2001:db8::1"),
        ("10.0.0.1", [b"::ffff:203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", [b""], "10.0.0.1"),
        ("10.0.0.1", [b"\xff\xfe"], "10.0.0.1"),
        ("10.0.0.1", [b",".join([b"203.0.113.9"] + [b"10.0.0.2"] * MAX_HOPS)], "10.0.0.2"),
        ("fd00::1", [b"203.0.113.9"], "203.0.113.9"),
        ("::ffff:10.0.0.1", [b"203.0.113.9"], "203.0.113.9"),
        ("fe80::1%eth0", [], "fe80::1"),
        ("unix:", [b"203.0.113.9"], "unix:"),
    ],
)
def test_forwarded_for_is_read_from_the_right_and_only_from_trusted_proxies(peer, lines, viewer):
    assert Locator(trusted_proxies=PROXIES).viewer_address(peer, lines) == viewer


def test_nobody_is_trusted_unless_said():
    assert Locator().viewer_address("10.0.0.1", [b"203.0.113.9"]) == "10.0.0.1"


def test_a_located_viewer_behind_a_proxy(database):
    located = Locator(database, "US", PROXIES).locate("10.0.0.1", [b"192.0.2.7"])
    assert located == Viewer("192.0.2.7", ipaddress.ip_address("192.0.2.7"), "FR", "US")


@pytest.mark.parametrize("text", ["", "x", "1.2.3", "1.2.3.4.5", "01.2.3.4", "::g"])
def test_no_address(text):
    assert parse_ip(text) is None
