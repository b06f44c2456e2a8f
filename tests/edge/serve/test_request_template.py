"""Grants: what was decided for one folder, and when it may be remembered at all."""

from __future__ import annotations

from math import inf

import pytest

from edge.policy.route import RoutedRequest, media_route
from edge.policy.rules import Rules
from edge.prefetch.popularity import Tally
from edge.serve.request_template import NAME, carried_by_path, grant
from edge.wire.request import Request
from kernel.auth.claims import Permit
from kernel.vocabulary import Refusal

SEG = b"/cdn/eu/title1/v720/00001.m4s"
PERMIT = Permit(prefix=b"/cdn/eu/title1/", not_before=10.0, expires=100.0, session="s1")


def _asked(target: bytes, **fields: bytes) -> tuple[Request, RoutedRequest]:
    request = Request(b"GET", target, {name.encode(): value for name, value in fields.items()}, 1, keep_alive=True)
    asked = media_route(request)
    assert not isinstance(asked, Refusal)
    return request, asked


def test_a_grant_is_for_the_folder_and_the_token_s_time() -> None:
    """The key's beginning and the times come from what was permitted."""
    _, asked = _asked(b"/t/abc" + SEG)
    made = grant(asked, PERMIT, Rules(), None, b"log", Tally())
    assert made is not None
    assert (made.key, made.starts, made.ends) == (b"title1/v720/", 10.0, 100.0)


def test_the_licence_s_window_bounds_it() -> None:
    """A licence that opens later or closes earlier than the token counts."""
    rules = Rules.parse({"titles": {"title1": {"from": "1970-01-01T00:00:20Z", "until": "1970-01-01T00:00:50Z"}}})
    made = grant(_asked(SEG)[1], PERMIT, rules, None, b"", Tally())
    assert made is not None
    assert (made.starts, made.ends) == (20.0, 50.0)


@pytest.mark.parametrize(
    ("target", "permit", "rules"),
    [
        (b"/cdn/eu/title1/master.m3u8", PERMIT, Rules()),
        (b"/cdn/eu/title1/720_00001.ts", PERMIT, Rules()),
        (SEG, Permit(prefix=None, digest=b"x", not_before=0.0, expires=inf), Rules()),
        (SEG, PERMIT, Rules.parse({"revoked_sessions": [{"id": "s1", "until": "2100-01-01T00:00:00Z"}]})),
    ],
)
def test_what_may_differ_within_a_folder_is_not_remembered(target: bytes, permit: Permit, rules: Rules) -> None:
    """Files directly below the title, scopes that are no prefix, sessions that rules name."""
    assert grant(_asked(target)[1], permit, rules, None, b"", Tally()) is None


@pytest.mark.parametrize(
    ("target", "fields", "alone"),
    [
        (b"/t/abc" + SEG, {}, True),
        (SEG + b"?token=abc", {}, False),
        (SEG, {"cookie": b"URISigningPackage=abc"}, False),
        (SEG, {"authorization": b"Bearer abc"}, False),
        (b"/t/abc/cdn/eu/title1/v72%30/00001.m4s", {}, False),
    ],
)
def test_only_what_the_target_alone_decided_is_remembered(target: bytes, fields: dict[str, bytes], alone: bool) -> None:
    """A token from a cookie must not open the folder for the next request, which may bring none."""
    request, asked = _asked(target, **fields)
    assert carried_by_path(request, asked) is alone


def test_a_path_within_a_query_is_no_folder() -> None:
    """The query of one file must not lend another file's name: the cut at the last slash would lie in it."""
    request, asked = _asked(b"/cdn/eu/t1/v720/x.m4s?/cdn/eu/t1/v720/x.m4s")
    assert asked.path == b"/cdn/eu/t1/v720/x.m4s"
    assert not carried_by_path(request, asked)


@pytest.mark.parametrize(
    "name", [b"", b".", b"..", b".x", b"a/b", b"a?b", b"a%2e", b"a b", b"a\0", b"a\\b", b"\xc3\xa9"]
)
def test_a_name_that_could_be_read_in_two_ways_is_none(name: bytes) -> None:
    """Only the plainest names go the straight way."""
    assert NAME.fullmatch(name) is None
