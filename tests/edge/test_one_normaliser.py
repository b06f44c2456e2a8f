"""One normaliser in the media profile: what is authorised, what is keyed and what goes upstream are the same bytes."""

from __future__ import annotations

import pytest

from edge.policy.route import RoutedRequest, media_route
from edge.wire.request import Request
from kernel.http.paths import normalise
from kernel.vocabulary import Refusal

FOLDER = b"/cdn/eu/title1/v720/"
ORDINARY = FOLDER + b"00001.m4s"

SAME = [
    b"00001.m4s", b"%30%30001.m4s", b"0000%31.m4s", b"00001%2Em4s", b"00001%2em4s", b"00001.%6d4s", b"00001.m4s?",
    b"00001.m4s?a=/../b", b"00001.m4s?a;b=c", b"00001.m4s?%2e%2e", b"00001.m4s?CMCD=bl%3D1",
]  # fmt: skip
"""Other ways to write the one object."""

OTHERS = [
    b"00001.M4S", b"00001.m4s;a=b", b"00001.m4s%3Ba=b", b"00001.m4s%3ba=b", b"00001.m4s%3Fa", b"00001.m4s%23a",
    b"a%20b", b"%C3%A4", b"%c3%a4", b"a,b", b"a+b", b"a%2Bb", b"a@b", b"a:b", b"...", b"..a", b"a..", b"~a", b"%7Ea",
    b"a%25b", b"a!b",
]  # fmt: skip
"""Objects of their own; what is data stays data."""

REFUSED = [
    b".", b"..", b"./a", b"../a", b"a/../b", b"a/./b", b"a//b", b"/a", b"%2e/a", b"%2E%2e/a", b".%2e/a", b"%2e./a",
    b"a/%2e%2e", b"%252e%252e/a", b"%252E/a", b"%25%32%65/a", b"a%2fb", b"a%2Fb", b"..%2fa", b"%252fa", b"%25%32%66a",
    b"a\\b", b"a%5cb", b"a%5Cb", b"%255ca", b"..%5ca", b"a%00b", b"a%2500b", b"a%0ab", b"a%0D%0Ab", b"a%09b",
    b"a%7fb", b"a%1Fb", b"a\x00b", b"a\nb", b"a b", b"a\tb", b"a#b", b"a%", b"a%4", b"a%zz", b"%u002e", b"a\xffb",
    b"\xc3\xa4", b"%c0%ae%c0%ae/a", b"%C0%AF", b"%e0%80%af", b"%f0%80%80%af", b"%ff", b"%ed%a0%80", b"%c2%85", b'a"b',
    b"a<b", b"a|b", b"a^b", b"a`b", b"a{b}", b"a[b]", b"a/", b"",
]  # fmt: skip
"""What two programs could read in two ways."""


def asked(name: bytes) -> RoutedRequest | Refusal:
    return media_route(Request(b"GET", FOLDER + name, {b"host": b"h"}, 1, keep_alive=True))


@pytest.mark.parametrize("name", SAME)
def test_other_ways_to_write_it_are_the_same_object(name: bytes) -> None:
    found = asked(name)
    assert isinstance(found, RoutedRequest)
    assert (found.path, found.upstream_target, found.key) == (ORDINARY, ORDINARY, b"title1/v720/00001.m4s")


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_authorised_is_what_is_keyed_and_sent(name: bytes) -> None:
    found = asked(name)
    assert isinstance(found, RoutedRequest)
    assert found.path == found.upstream_target == b"/cdn/eu/" + found.key
    assert found.key != b"title1/v720/00001.m4s"
    again = normalise(found.upstream_target)
    assert not isinstance(again, Refusal)
    assert again.path == found.upstream_target


def test_all_of_them_differ() -> None:
    """But for the case of the hexadecimal digits and for what need not be escaped."""
    keys = {found.key for found in map(asked, OTHERS) if isinstance(found, RoutedRequest)}
    assert len(keys) == len(OTHERS) - 3


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_be_read_in_two_ways_is_refused(name: bytes) -> None:
    assert asked(name) in (Refusal.PATH, Refusal.NOT_FOUND)


@pytest.mark.parametrize(
    "target",
    [
        b"cdn/eu/t/a",
        b"/CDN/eu/title1/a",
        b"/cdn/EU/title1/a",
        b"//cdn/eu/title1/a",
        b"/cdn//eu/title1/a",
        b"/cdn/eu/../title1/a",
        b"/cdn/eu/title1",
        b"/cdn/eu/title1/",
        b"/%63dn/../cdn/eu/title1/a",
        b"/t/x/../cdn/eu/title1/a",
        b"*",
    ],
)
def test_the_form_holds_for_the_whole_path(target: bytes) -> None:
    found = media_route(Request(b"GET", target, {b"host": b"h"}, 1, keep_alive=True))
    assert found in (Refusal.PATH, Refusal.NOT_FOUND)
