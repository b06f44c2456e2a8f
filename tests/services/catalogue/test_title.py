"""A title's licence, whichever way it is given."""

import pytest

from services.catalogue.licence import Availability, Window
from services.catalogue.title import Title, judge_title, with_open_countries


@pytest.mark.parametrize(
    ("title", "country", "availability"),
    [
        (Title("a", "A"), None, Availability.AVAILABLE),
        (Title("a", "A", countries=("DE",)), "DE", Availability.AVAILABLE),
        (Title("a", "A", countries=("DE",)), "FR", Availability.OTHER_COUNTRIES),
        # The windows are the licence: `countries` says where they were open when it was stored.
        (Title("a", "A", countries=("DE",), windows=(Window(("DE",), None, 50.0),)), "DE", Availability.GONE),
        (Title("a", "A", countries=(), windows=(Window(("DE",), 150.0),)), "DE", Availability.NOT_RELEASED),
    ],
)
def test_a_title_may_be_watched_by_its_licence(title, country, availability):
    assert judge_title(title, country, 100.0).availability is availability


def test_open_countries_follow_the_windows_and_leave_plain_countries():
    windows = (Window(("DE",), 100.0, 200.0),)
    assert with_open_countries(Title("a", "A", windows=windows), 150.0).countries == ("DE",)
    assert with_open_countries(Title("a", "A", countries=("DE",), windows=windows), 250.0).countries == ()
    assert with_open_countries(Title("a", "A", countries=("FR",)), 150.0).countries == ("FR",)
