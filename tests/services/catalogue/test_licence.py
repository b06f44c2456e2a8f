"""Licence windows: who may watch when, what is said when they may not, and when that changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalogue.licence import (
    Availability,
    Verdict,
    Window,
    judge_licence,
    next_change,
    normalise_windows,
    open_countries,
    windows_of,
)

A = Availability
DE_LATER = Window(("DE",), 100.0, 200.0)
ALL_THEN = Window(None, 50.0, 300.0)


@pytest.mark.parametrize(
    ("windows", "country", "now", "availability", "at"),
    [
        (None, None, 0, A.AVAILABLE, None),
        ((), "DE", 0, A.OTHER_COUNTRIES, None),
        ((), None, 0, A.OTHER_COUNTRIES, None),
        ((Window(),), None, 0, A.AVAILABLE, None),
        ((DE_LATER,), "DE", 99.9, A.NOT_RELEASED, 100.0),
        ((DE_LATER,), "DE", 100.0, A.AVAILABLE, None),
        ((DE_LATER,), "DE", 199.9, A.AVAILABLE, None),
        ((DE_LATER,), "DE", 200.0, A.GONE, 200.0),
        ((DE_LATER,), "FR", 150.0, A.OTHER_COUNTRIES, None),
        ((DE_LATER,), None, 150.0, A.COUNTRY_UNKNOWN, None),
        ((DE_LATER, ALL_THEN), "FR", 150.0, A.AVAILABLE, None),
        ((DE_LATER, ALL_THEN), None, 40.0, A.NOT_RELEASED, 50.0),
        ((DE_LATER, ALL_THEN), "DE", 250.0, A.AVAILABLE, None),
        ((DE_LATER, Window(("DE",), 400.0)), "DE", 250.0, A.NOT_RELEASED, 400.0),
        ((DE_LATER, ALL_THEN), "DE", 300.0, A.GONE, 300.0),
    ],
)
def test_a_viewer_may_watch_while_a_window_covers_them(windows, country, now, availability, at):
    assert judge_licence(windows, country, now) == Verdict(availability, at)


windows = st.lists(
    st.builds(
        Window,
        st.none() | st.lists(st.sampled_from(["DE", "FR", "US"]), max_size=3).map(tuple),
        st.none() | st.integers(0, 50).map(float),
        st.none() | st.integers(51, 100).map(float),
    ),
    max_size=4,
)


@given(windows, st.sampled_from(["DE", "FR", "US", "JP"]), st.integers(0, 110))
def test_the_open_countries_agree_with_the_verdict(windows, country, now):
    countries = open_countries(windows, now)
    is_open = countries is None or country in countries
    assert is_open == (judge_licence(windows, country, now).availability is A.AVAILABLE)


@given(windows, st.integers(0, 110), st.integers(0, 110))
def test_nothing_changes_before_the_next_change(windows, now, later):
    change = next_change(windows, now)
    if now <= later and (change is None or later < change):
        assert open_countries(windows, now) == open_countries(windows, later)


def test_plain_countries_are_a_window_without_end():
    assert windows_of(None) is None
    assert windows_of(()) == ()
    assert open_countries(windows_of(("DE", "FR")), 0) == ("DE", "FR")


def test_windows_are_written_in_one_form():
    assert normalise_windows([Window(("fr", "DE", "FR"))]) == (Window(("DE", "FR")),)
    with pytest.raises(ValueError, match="window 2 ends before it starts"):
        normalise_windows([Window(), Window(None, 5.0, 5.0)])
