"""Licences: their JSON form, who is refused, and how mistakes are told."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.auth.licence import Licence, licence_json, parse_licence
from kernel.documents import BadDocument
from kernel.vocabulary import Refusal

COUNTRIES = st.sampled_from(["DE", "FR", "US", "AT"])
LICENCES = st.builds(
    Licence,
    allow=st.none() | st.frozensets(COUNTRIES),
    deny=st.frozensets(COUNTRIES),
    opens=st.just(-inf) | st.integers(0, 10**9).map(float),
    closes=st.just(inf) | st.integers(10**9 + 1, 10**10).map(float),
)


@given(LICENCES)
def test_the_json_form_gives_the_same_licence_back(licence: Licence) -> None:
    assert parse_licence(licence_json(licence)) == licence


@pytest.mark.parametrize(
    ("form", "country", "wall", "refusal"),
    [
        ({}, None, 0, None),
        ({"allow": None}, None, 0, None),
        ({"allow": []}, "DE", 0, Refusal.COUNTRY),
        ({"allow": []}, None, 0, Refusal.COUNTRY),
        ({"allow": ["de"]}, "DE", 0, None),
        ({"allow": ["DE"]}, "FR", 0, Refusal.COUNTRY),
        ({"allow": ["DE"]}, None, 0, Refusal.COUNTRY_UNKNOWN),
        ({"deny": ["DE"]}, "DE", 0, Refusal.COUNTRY),
        ({"deny": ["DE"]}, "FR", 0, None),
        ({"deny": ["DE"]}, None, 0, Refusal.COUNTRY_UNKNOWN),
        ({"deny": []}, None, 0, None),
        ({"allow": ["DE"], "deny": ["DE"]}, "DE", 0, Refusal.COUNTRY),
        ({"from": "1970-01-01T00:00:10Z"}, None, 9.9, Refusal.WINDOW),
        ({"from": "1970-01-01T00:00:10Z"}, None, 10, None),
        ({"until": "1970-01-01T01:00:10+01:00"}, "DE", 9.9, None),
        ({"until": "1970-01-01T01:00:10+01:00"}, "DE", 10, Refusal.WINDOW),
        ({"allow": ["DE"], "until": "1970-01-01T00:00:10Z"}, "FR", 10, Refusal.COUNTRY),
    ],
)
def test_who_may_watch(form: dict, country: str | None, wall: float, refusal: Refusal | None) -> None:
    """Where before when: a viewer of another country reads 451 whatever the window says."""
    assert parse_licence(form).refusal(country, wall) is refusal


@pytest.mark.parametrize(
    ("form", "path", "why"),
    [
        ([], "t", "must be an object"),
        ({"alow": ["DE"]}, "t.alow", "no such member"),
        ({"allow": "DE"}, "t.allow", "must be a list"),
        ({"allow": ["DE", "Germany"]}, "t.allow[1]", "'Germany' is not a two-letter"),
        ({"deny": [7]}, "t.deny[0]", "a number"),
        ({"deny": ["DE"] * 401}, "t.deny", "more than 400"),
        ({"from": 12}, "t.from", "not a number"),
        ({"from": True}, "t.from", "true or false"),
        ({"from": "2026-01-01"}, "t.from", "not a date and time"),
        ({"from": "2026-01-01T00:00:00"}, "t.from", "offset"),
        ({"until": "2026-13-01T00:00:00Z"}, "t.until", "not a date and time"),
        ({"until": "T" * 100}, "t.until", "…"),
        ({"from": "2026-01-01T00:00:00Z", "until": "2026-01-01T01:00:00+01:00"}, "t", "window is empty"),
    ],
)
def test_a_mistake_is_named_with_its_place(form: object, path: str, why: str) -> None:
    with pytest.raises(BadDocument) as caught:
        parse_licence(form, "t")
    assert caught.value.path == path
    assert why in caught.value.why
