"""A purge's URLs and prefixes as keys."""

import pytest

from cache.cache import PurgeRequest
from edge.policy.purge_keys import general_prefix, media_key, media_prefix, purge_request_of
from edge.policy.route import GENERAL, MEDIA
from kernel.fleet.jobs import Purge

SEGMENT = "/cdn/eu/t1/v720/1.m4s"


@pytest.mark.parametrize(
    ("url", "key"),
    [
        (SEGMENT, b"t1/v720/1.m4s"),
        (f"http://h:1{SEGMENT}?q#f", b"t1/v720/1.m4s"),
        ("", None),
        ("/cdn/eu/t1/ä", None),
        ("//cdn/eu/t1/a", None),
    ],
)
def test_the_key_of_a_url(url: str, key: bytes | None):
    assert media_key(url) == key


@pytest.mark.parametrize(
    ("prefix", "key"),
    [("/cdn/eu/t1/", b"t1/"), ("/cdn/eu/t1", b"t1"), ("/cdn/eu/", b""), ("t1/v720/", b"t1/v720/"), ("", None)],
)
def test_the_keys_of_a_prefix(prefix: str, key: bytes | None):
    assert media_prefix(prefix) == key


@pytest.mark.parametrize(
    ("url", "key"), [("http://H:80/A?b", b"h/A?b"), ("http://h", b"h/"), ("/a", None), ("http://[::1/", None)]
)
def test_the_key_of_an_absolute_url(url: str, key: bytes | None):
    assert general_prefix(url) == key


def test_a_purge_is_the_union_of_what_it_names():
    purge = Purge(keys=("k",), urls=(SEGMENT,), prefixes=("/cdn/eu/t2/",), soft=True)
    made = PurgeRequest(keys=(b"k",), urls=(b"t1/v720/1.m4s",), prefixes=(b"t2/",), soft=True)
    assert purge_request_of(purge, MEDIA, general=False) == (made, [])


def test_what_this_edge_cannot_hold_is_named_and_reaches_nothing():
    purge = Purge(urls=("/elsewhere", SEGMENT), all=True)
    assert purge_request_of(purge, MEDIA, general=False) == (
        PurgeRequest(urls=(b"t1/v720/1.m4s",), everything=True), ["/elsewhere"],
    )  # fmt: skip
    assert purge_request_of(Purge(urls=("/a",), prefixes=("/a",)), GENERAL, general=True) == (
        PurgeRequest(),
        ["/a", "/a"],
    )
