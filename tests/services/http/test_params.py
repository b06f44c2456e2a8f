"""Queries and bodies: each mistake is a 400 that names it."""

import re
import sys
from typing import Annotated
from unittest import mock

import pytest
from aiohttp import StreamReader
from aiohttp.test_utils import make_mocked_request
from msgspec import Meta, Struct

from kernel.errors import BadRequest
from kernel.user_id import USER_ID_SCHEMA_PATTERN, is_user_id
from services.http import params


def asked(query):
    return make_mocked_request("GET", f"/x?{query}")


def reason(call, *arguments):
    with pytest.raises(BadRequest) as caught:
        call(*arguments)
    return caught.value.reason


def test_texts_are_read_and_repeated_or_missing_ones_refused():
    assert params.text(asked("a=b"), "a") == "b"
    assert params.text(asked(""), "a") is None
    assert reason(params.text, asked("a=1&a=2"), "a") == "parameter-repeated"
    assert reason(params.required, asked("a="), "a") == "parameter-missing"


@pytest.mark.parametrize("text", ["0", "101", "-1", "1.5", "ten", "", "9999999999", "٣"])
def test_numbers_outside_their_bounds_are_refused(text):
    assert reason(params.integer, asked(f"n={text}"), "n", 20, 1, 100) == "parameter-range"


def test_numbers_within_are_read_and_absent_ones_have_a_default():
    assert params.integer(asked("n=100"), "n", 20, 1, 100) == 100
    assert params.integer(asked(""), "n", 20, 1, 100) == 20


def test_ids_are_checked():
    assert params.content_id("film-1") == "film-1"
    assert reason(params.content_id, "../x") == "content-id"
    assert params.user_id("guest-1@x") == "guest-1@x"
    for good in ("user/7", "auth0|abc", "müller", "-x", "Jo Doe", "😀"):
        assert params.user_id(good) == good
    for bad in ("", " a", "a  b", "x" * 129, "a\n", "a\u200b", "\ue000"):
        assert reason(params.user_id, bad) == "user-id"


def test_countries_and_switches():
    assert params.country(asked("country=de")) == "DE"
    assert params.country(asked("")) is None
    for bad in ("DEU", "D", "12", "ZZ"):
        assert reason(params.country, asked(f"country={bad}")) == "parameter-value"
    assert params.boolean(asked("p=true"), "p")
    assert not params.boolean(asked(""), "p")
    assert reason(params.boolean, asked("p=maybe"), "p") == "parameter-value"


class Counted(Struct):
    """A body with numbers."""

    count: Annotated[int, Meta(ge=0, le=1_000)]
    share: float = 0.0
    name: str = ""


async def read(data):
    stream = StreamReader(mock.Mock(_reading_paused=False), 2**16)
    stream.feed_data(data)
    stream.feed_eof()
    request = make_mocked_request("POST", "/x", headers={"Content-Type": "application/json"}, payload=stream)
    return await params.body(request, Counted)


@pytest.mark.parametrize("number", ["431", "431.0", "4.31e2"])
async def test_a_whole_number_may_be_written_as_any_number(number):
    found = await read(b'{"count": %s, "share": 1}' % number.encode())
    assert (found.count, type(found.count), type(found.share)) == (431, int, float)


@pytest.mark.parametrize(
    ("data", "reason", "named"),
    [
        (b'{"count": 431.5}', "body-field", "`count`"),
        (b'{"count": 1e300}', "body-field", "`count`"),
        (b'{"count": "431"}', "body-field", "`count`"),
        (b'{"count": true}', "body-field", "`count`"),
        (b'{"count": 1, "name": "\\u0000"}', "body-field", "`name`"),
        (b'{"count": 1, "count": 2}', "body-json", "twice"),
        (b'{"count": ' + b"[" * 300 + b"]" * 300 + b"}", "body-field", "`count`"),
        (b'{"count": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", "body-json", "nested"),
    ],
)
async def test_what_is_wrong_with_a_body_is_named(data, reason, named):
    with pytest.raises(BadRequest) as caught:
        await read(data)
    assert caught.value.reason == reason
    assert named in caught.value.detail


async def test_unknown_members_may_hold_anything():
    assert (await read(b'{"count": 1, "more": [1e999, "\\ud800"]}')).count == 1


def test_the_schema_of_a_user_id_admits_what_the_service_does():
    """Written as what it leaves out, from which generators of requests draw texts in a fraction of the time."""
    every = [chr(at) for at in range(sys.maxunicode + 1) if not 0xD800 <= at <= 0xDFFF]
    schema = re.compile(USER_ID_SCHEMA_PATTERN)
    differ = [one for one in every if (schema.search(one) is None) == is_user_id(one)]
    assert differ == []
    for text in ("a b", "a  b", " a", "a ", "", "x" * 128, "a" + " b" * 63, "\u00fc\U0001f3ac"):
        assert (schema.search(text) is not None) == is_user_id(text), text
