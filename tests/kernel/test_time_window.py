"""A part of the day, in local time."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from kernel.time_window import ALWAYS, Window, parse_window

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


def test_by_night_over_midnight_and_in_summer_time():
    night = parse_window("22:30-06:00")
    times = ("22:29", "22:30", "00:00", "05:59", "06:00")
    assert [night.holds(at(f"2026-07-01T{time}"), BERLIN) for time in times] == [
        False, True, True, True, False,
    ]  # fmt: skip
    early = parse_window("01:00-06:00")
    assert early == Window(60, 360)
    assert [early.holds(at(f"2026-01-01T{time}"), BERLIN) for time in ("00:59", "01:00", "06:00")] == [
        False,
        True,
        False,
    ]


def test_always():
    assert parse_window("always") == ALWAYS
    assert ALWAYS.holds(at("2026-07-01T23:59"), BERLIN)
    assert ALWAYS.holds(at("2026-07-01T00:00"), None)


@pytest.mark.parametrize("text", ["", "1:00-2:00", "24:00-01:00", "01:60-02:00", "05:00-05:00", "01:00"])
def test_what_is_no_window(text):
    with pytest.raises(ValueError, match="always"):
        parse_window(text)
