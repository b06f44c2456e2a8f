"""Queries and bodies: each mistake is a 400 that names it."""

import pytest
from aiohttp.test_utils import make_mocked_request

from kernel.errors import BadRequest
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
    for bad in ("", "a b", "x" * 129, "é", "-x", "a\n"):
        assert reason(params.user_id, bad) == "user-id"


def test_countries_and_switches():
    assert params.country(asked("country=de")) == "DE"
    assert params.country(asked("")) is None
    for bad in ("DEU", "D", "12", "ZZ"):
        assert reason(params.country, asked(f"country={bad}")) == "parameter-value"
    assert params.boolean(asked("p=true"), "p")
    assert not params.boolean(asked(""), "p")
    assert reason(params.boolean, asked("p=maybe"), "p") == "parameter-value"
