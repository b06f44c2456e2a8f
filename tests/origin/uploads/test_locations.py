"""Where a film may come from."""

import ipaddress
from pathlib import Path

import pytest

from kernel.errors import BadRequest
from origin.uploads.locations import LocationRules, allowed_file, check_location, is_allowed_address

RULES = LocationRules(
    folders=(Path("/films"), Path("/more films")),
    hosts=("media.example.com", "*.cdn.example.com", "private.example.com:8443"),
    buckets=("films", "shared/incoming"),
)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("/films/a.mp4", "/films/a.mp4"),
        ("/more films/b/c.mkv", "/more films/b/c.mkv"),
        ("file:///films/a.mp4", "/films/a.mp4"),
        ("https://media.example.com/a.mp4?x=1#y", "https://media.example.com/a.mp4?x=1"),
        ("HTTPS://MEDIA.example.com./a.mp4", "https://MEDIA.example.com./a.mp4"),
        ("https://a.b.cdn.example.com/", "https://a.b.cdn.example.com/"),
        ("https://private.example.com:8443/a", "https://private.example.com:8443/a"),
        ("s3://films/a/b.mp4", "s3://films/a/b.mp4"),
        ("s3://shared/incoming/b.mp4", "s3://shared/incoming/b.mp4"),
    ],
)
def test_allowed_locations(text, normal):
    assert check_location(text, RULES) == normal


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("films/a.mp4", 400),
        ("/films/../etc/passwd", 400),
        ("/etc/passwd", 403),
        ("/filmsx/a.mp4", 403),
        ("file://host/films/a.mp4", 400),
        ("http://media.example.com/a.mp4", 400),
        ("ftp://media.example.com/a.mp4", 400),
        ("gopher://x", 400),
        ("concat:/films/a|/etc/passwd", 400),
        ("https://cdn.example.com/a", 403),
        ("https://evilcdn.example.com/a", 403),
        ("https://media.example.com.evil.org/a", 403),
        ("https://media.example.com:444/a", 403),
        ("https://private.example.com/a", 403),
        ("https://user@media.example.com/a", 400),
        ("https://127.0.0.1/a", 403),
        ("https://media.example.com:port/a", 400),
        ("https:///a", 403),
        ("s3://other/a", 403),
        ("s3://films", 400),
        ("s3://films/../a", 400),
        ("s3://films//a", 400),
        ("s3://shared/incoming2/a", 403),
        ("s3://key@films/a", 400),
        ("/films/a\n.mp4", 400),
        ("/films/a\0", 400),
    ],
)
def test_locations_that_are_refused(text, status):
    with pytest.raises(BadRequest) as refused:
        check_location(text, RULES)
    assert refused.value.status == status


def test_links_do_not_lead_out(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out.mp4"
    inside.mkdir()
    outside.write_bytes(b"x")
    (inside / "link").symlink_to(outside)
    (inside / "a.mp4").write_bytes(b"x")
    rules = LocationRules(folders=(inside,))
    assert allowed_file(str(inside / "a.mp4"), rules) == inside / "a.mp4"
    for name, status in (("link", 403), ("none", 404)):
        with pytest.raises(BadRequest) as refused:
            allowed_file(str(inside / name), rules)
        assert refused.value.status == status


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("ff0e::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::808:808", True),
    ],
)
def test_addresses(address, public):
    """Also those that hide a private IPv4 address within an IPv6 one."""
    assert is_allowed_address(ipaddress.ip_address(address), ()) is public


def test_networks_that_an_operator_allows():
    networks = (ipaddress.ip_network("10.0.0.0/8"),)
    assert is_allowed_address(ipaddress.ip_address("10.9.9.9"), networks)
    assert is_allowed_address(ipaddress.ip_address("::ffff:10.9.9.9"), networks)
    assert not is_allowed_address(ipaddress.ip_address("192.168.0.1"), networks)
