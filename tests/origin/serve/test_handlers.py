"""Who may ask, and what is refused."""

import dataclasses
from ipaddress import ip_network

import pytest

from kernel.settings.table import resolve
from origin.serve.handlers import header_fields, is_allowed_peer
from origin.settings import OriginSettings


@pytest.mark.parametrize(
    ("peer", "may"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("fd00::5", True),
        ("fd00::5%eth0", True),
        ("11.0.0.1", False),
        ("2001:db8::1", False),
        ("", False),
        ("unix", False),
    ],
)
def test_loopback_and_the_allowed(peer, may):
    """Deny by default; an IPv4 address is the same however it is written."""
    networks = (ip_network("10.0.0.0/8"), ip_network("fd00::/16"))
    settings = dataclasses.replace(resolve(OriginSettings), allow=networks)
    assert is_allowed_peer(peer, settings) is may


def test_a_field_sent_twice_is_a_list():
    """RFC 9110 5.3."""
    from multidict import CIMultiDict

    fields = header_fields(CIMultiDict([("If-None-Match", '"a"'), ("if-none-match", '"b"')]))
    assert fields == {b"if-none-match": b'"a", "b"'}
