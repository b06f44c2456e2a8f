"""Country codes, and whose word about the viewer's country counts."""

import pytest

from kernel.auth.geo import country_code, decide, is_country


@pytest.mark.parametrize("text", ["DE", "FR", "US", "GB"])
def test_a_country(text):
    assert is_country(text)
    assert country_code(text.lower()) == text


@pytest.mark.parametrize("text", ["", "D", "DEU", "de", "D1", "ÄÖ", "XX", "ZZ", "D\n", " D"])
def test_no_country(text):
    assert not is_country(text)


@pytest.mark.parametrize("value", [None, 7, b"DE", ["DE"], {"iso_code": "DE"}, "Germany", "zz"])
def test_no_country_code(value):
    assert country_code(value) is None


@pytest.mark.parametrize(
    ("address", "token", "default", "decided"),
    [
        ("DE", "FR", "US", "DE"),
        (None, "FR", "US", "FR"),
        (None, None, "US", "US"),
        (None, None, None, None),
        ("DE", None, None, "DE"),
    ],
)
def test_the_address_decides_then_the_token_then_the_setting(address, token, default, decided):
    assert decide(address, token, default) == decided
