"""The form of purges and prefetches."""

import json

import pytest

from kernel.documents import BadDocument
from kernel.fleet.jobs import (
    NothingNamed,
    NoUrl,
    Prefetch,
    Purge,
    TooManyNames,
    content_of,
    merged,
    parse_prefetch,
    parse_purge,
)


@pytest.mark.parametrize(
    "purge",
    [
        Purge(keys=("t1", "t1-v720")), Purge(urls=("/cdn/eu/t1/a.m4s",)), Purge(urls=("https://host.example/a?b=c",)),
        Purge(prefixes=("/cdn/eu/t1/", "t1/v720/")), Purge(all=True), Purge(all=True, soft=True, keys=("k",)),
        Purge(urls=("http://h",)), Purge(prefixes=("http://h/a%2",)),
    ],
)  # fmt: skip
def test_what_is_written_is_read(purge: Purge):
    assert parse_purge(json.loads(content_of(purge))) == purge


def test_a_prefetch_is_read_as_written():
    given = Prefetch(("/cdn/eu/t1/a.m4s", "http://h/b"))
    assert parse_prefetch(json.loads(content_of(given))) == given


@pytest.mark.parametrize(
    ("value", "kind", "place"),
    [
        ([], BadDocument, "must be an object"),
        ({"key": []}, BadDocument, "key: there is no such member"),
        ({"keys": "t"}, BadDocument, "keys: must be a list"),
        ({"keys": ["t", 1]}, BadDocument, "keys[1]: must be a text"),
        ({"all": 1}, BadDocument, "all: must be true or false"),
        ({"soft": True}, NothingNamed, "name keys"),
        ({"keys": ["a b"]}, BadDocument, "keys[0]"),
        ({"keys": [""]}, BadDocument, "keys[0]"),
        ({"keys": ["a\n"]}, BadDocument, "keys[0]"),
        ({"keys": ["k"] * 4}, TooManyNames, "at most 3"),
        ({"urls": [""]}, NoUrl, "urls[0]"),
        ({"urls": ["cdn/eu/a"]}, NoUrl, "urls[0]"),
        ({"urls": ["/a", "/b/../c"]}, NoUrl, "urls[1]"),
        ({"urls": ["ftp://h/a"]}, NoUrl, "urls[0]"),
        ({"urls": ["http://[::1/a"]}, NoUrl, "urls[0]"),
        ({"urls": ["/ä"]}, NoUrl, "urls[0]"),
        ({"prefixes": [""]}, NoUrl, "prefixes[0]"),
        ({"prefixes": ["http://[::1/"]}, NoUrl, "prefixes[0]"),
        ({"prefixes": ["/a b"]}, NoUrl, "prefixes[0]"),
    ],
)
def test_a_mistake_is_told_with_its_place(value: object, kind: type[BadDocument], place: str):
    with pytest.raises(kind) as caught:
        parse_purge(value, most=3)
    assert place in str(caught.value)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({}, BadDocument), ({"urls": "x"}, BadDocument), ({"urls": ["/a"] * 4}, TooManyNames), ({"urls": ["x"]}, NoUrl),
        ({"keys": ["x"]}, BadDocument),
    ],
)  # fmt: skip
def test_a_prefetch_that_cannot_be_done(value: object, kind: type[BadDocument]):
    with pytest.raises(kind):
        parse_prefetch(value, most=3)


@pytest.mark.parametrize(
    ("purges", "made"),
    [
        ([], []),
        ([Purge(keys=("a",)), Purge(keys=("a", "b"))], [Purge(keys=("a", "b"))]),
        ([Purge(keys=("a",)), Purge(urls=("/u",), soft=True)], [Purge(keys=("a",)), Purge(urls=("/u",), soft=True)]),
        ([Purge(keys=("a",)), Purge(all=True)], [Purge(all=True)]),
        ([Purge(keys=("a", "b")), Purge(prefixes=("/p", "/q"))],
         [Purge(keys=("a", "b"), prefixes=("/p",)), Purge(prefixes=("/q",))]),
    ],
)  # fmt: skip
def test_many_are_merged_into_few(purges: list[Purge], made: list[Purge]):
    assert merged(purges, most=3) == made
