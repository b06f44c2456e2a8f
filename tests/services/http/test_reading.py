"""Queries and bodies: each mistake is a 400 that names it."""

import pytest
from aiohttp.test_utils import make_mocked_request

from kernel.errors import BadRequest
from services.http import reading


def asked(query):
    return make_mocked_request("GET", f"/x?{query}")


def reason(call, *arguments):
    with pytest.raises(BadRequest) as caught:
        call(*arguments)
    return caught.value.reason


def test_texts_are_read_and_repeated_or_missing_ones_refused():
    assert reading.text(asked("a=b"), "a") == "b"
    assert reading.text(asked(""), "a") is None
    assert reason(reading.text, asked("a=1&a=2"), "a") == "parameter-repeated"
    assert reason(reading.needed, asked("a="), "a") == "parameter-missing"


@pytest.mark.parametrize("text", ["0", "101", "-1", "1.5", "ten", "", "9999999999", "٣"])
def test_numbers_outside_their_bounds_are_refused(text):
    assert reason(reading.whole, asked(f"n={text}"), "n", 20, 1, 100) == "parameter-range"


def test_numbers_within_are_read_and_absent_ones_have_a_default():
    assert reading.whole(asked("n=100"), "n", 20, 1, 100) == 100
    assert reading.whole(asked(""), "n", 20, 1, 100) == 20


def test_ids_are_checked():
    assert reading.content_id("film-1") == "film-1"
    assert reason(reading.content_id, "../x") == "content-id"
    assert reading.user_id("guest-1@x") == "guest-1@x"
    for bad in ("", "a b", "x" * 129, "é", "-x", "a\n"):
        assert reason(reading.user_id, bad) == "user-id"


def test_countries_and_switches():
    assert reading.country(asked("country=de")) == "DE"
    assert reading.country(asked("")) is None
    for bad in ("DEU", "D", "12", "ZZ"):
        assert reason(reading.country, asked(f"country={bad}")) == "parameter-value"
    assert reading.switch(asked("p=true"), "p")
    assert not reading.switch(asked(""), "p")
    assert reason(reading.switch, asked("p=maybe"), "p") == "parameter-value"
