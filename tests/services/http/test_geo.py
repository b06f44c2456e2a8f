"""A viewer's address behind proxies, and its country."""

import ipaddress

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from kernel.errors import BadSettings
from services.http.geo import CountryLookup, country_in_record, open_geo_database, viewer_address

LOCAL = [ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("10.0.0.0/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "expected"),
    [
        ("1.2.3.4", [], [], "1.2.3.4"),
        ("1.2.3.4", ["9.9.9.9"], [], "1.2.3.4"),
        ("1.2.3.4", ["9.9.9.9"], LOCAL, "1.2.3.4"),
        ("127.0.0.1", ["9.9.9.9"], LOCAL, "9.9.9.9"),
        ("127.0.0.1", ["6.6.6.6, 9.9.9.9, 10.0.0.3"], LOCAL, "9.9.9.9"),
        ("127.0.0.1", ["6.6.6.6", "9.9.9.9"], LOCAL, "9.9.9.9"),
        ("127.0.0.1", [], LOCAL, "127.0.0.1"),
        ("127.0.0.1", ["rubbish"], LOCAL, None),
        ("::ffff:1.2.3.4", [], [], "1.2.3.4"),
        ("", [], [], None),
    ],
)
def test_only_trusted_proxies_name_an_address(peer, forwarded, trusted, expected):
    found = viewer_address(peer, forwarded, trusted)
    assert (None if found is None else str(found)) == expected


def test_the_country_comes_from_the_database_else_from_the_default(tmp_path):
    writer = MMDBWriter(ip_version=4)
    writer.insert_network(IPSet(["127.0.0.2/32"]), {"country": {"iso_code": "FR"}})
    writer.insert_network(IPSet(["127.0.0.3/32"]), {"country_code": "zz"})
    writer.to_db_file(str(tmp_path / "geo.mmdb"))
    places = CountryLookup(open_geo_database(tmp_path / "geo.mmdb"), "DE")
    assert places.country(ipaddress.ip_address("127.0.0.2")) == "FR"
    assert places.country(ipaddress.ip_address("127.0.0.3")) == "DE"
    assert places.country(ipaddress.ip_address("127.0.0.1")) == "DE"
    assert places.country(ipaddress.ip_address("2001:db8::1")) == "DE"
    assert places.country(None) == "DE"
    assert CountryLookup(None, None).country(ipaddress.ip_address("127.0.0.2")) is None


def test_the_shapes_of_records():
    assert country_in_record({"country": {"iso_code": "de"}}) == "DE"
    assert country_in_record({"country_code": "DE"}) == "DE"
    assert country_in_record({"country": "Germany"}) is None
    assert country_in_record("DE") is None


def test_a_file_that_is_no_database_is_a_bad_setting(tmp_path):
    (tmp_path / "x.mmdb").write_bytes(b"nothing")
    with pytest.raises(BadSettings, match="geo"):
        open_geo_database(tmp_path / "x.mmdb")
    assert open_geo_database(None) is None
