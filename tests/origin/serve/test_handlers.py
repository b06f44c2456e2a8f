"""Who may ask, and what is refused."""

import dataclasses
from ipaddress import ip_network

import pytest

from kernel.settings.table import resolve
from kernel.vocabulary import Refusal
from origin.serve import handlers
from origin.serve.handlers import may_ask
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
    assert may_ask(peer, settings) is may


def test_unknown_files_are_remembered_shortly():
    """A crowd asking for nothing is answered by the edges, for as long as a new film may take to be seen."""
    assert handlers._refused(Refusal.NOT_FOUND, "x").headers["Cache-Control"] == "public, max-age=2"
    assert handlers._refused(Refusal.PATH, "x").headers["Cache-Control"] == "no-store"


def test_a_field_sent_twice_is_a_list():
    """RFC 9110 5.3."""
    from multidict import CIMultiDict

    fields = handlers._fields(CIMultiDict([("If-None-Match", '"a"'), ("if-none-match", '"b"')]))
    assert fields == {b"if-none-match": b'"a", "b"'}
