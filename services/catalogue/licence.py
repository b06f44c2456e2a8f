"""Where and when a title may be watched: licence windows by country and time. Pure.

A licence is a list of windows; a viewer may watch while one of them covers their country and the moment. No list at all
means everywhere and always, an empty one nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

MAX_WINDOWS = 300
MAX_TIME = 4_102_444_800.0
"""The year 2100 in Unix seconds."""

Country = Annotated[str, Meta(pattern=r"^[A-Za-z]{2}\Z")]
Moment = Annotated[float, Meta(ge=0, le=MAX_TIME)]


class Window(Struct, frozen=True, omit_defaults=True):
    """One window, from `starts` until before `ends` in Unix seconds; `countries` None = every country."""

    countries: Annotated[tuple[Country, ...], Meta(max_length=300)] | None = None
    starts: Moment | None = None
    ends: Moment | None = None


Windows = tuple[Window, ...]


class Availability(StrEnum):
    """Whether a title may be watched in a country now."""

    AVAILABLE = "available"
    NOT_RELEASED = "not-released"
    """A window of this country opens later."""
    GONE = "gone"
    """The last window of this country has closed."""
    OTHER_COUNTRIES = "not-in-your-country"
    """No window covers this country."""
    COUNTRY_UNKNOWN = "country-unknown"
    """It may be watched in some countries only, and the viewer's is unknown."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """An availability; `at`: when it opens, or when it closed, in Unix seconds."""

    availability: Availability
    at: float | None = None


def judge_licence(windows: Sequence[Window] | None, country: str | None, now: float) -> Verdict:
    """Whether a viewer in `country` (None = unknown) may watch at `now`."""
    if windows is None:
        return Verdict(Availability.AVAILABLE)
    here = [window for window in windows if _covers(window, country)]
    if any(_is_open(window, now) for window in here):
        return Verdict(Availability.AVAILABLE)
    if not here:
        unknown = country is None and any(window.countries for window in windows)
        return Verdict(Availability.COUNTRY_UNKNOWN if unknown else Availability.OTHER_COUNTRIES)
    later = [window.starts for window in here if window.starts is not None and window.starts > now]
    if later:
        return Verdict(Availability.NOT_RELEASED, min(later))
    return Verdict(Availability.GONE, max((window.ends for window in here if window.ends is not None), default=None))


def _covers(window: Window, country: str | None) -> bool:
    return window.countries is None or (country is not None and country in window.countries)


def _is_open(window: Window, now: float) -> bool:
    return (window.starts is None or window.starts <= now) and (window.ends is None or now < window.ends)


def open_countries(windows: Sequence[Window] | None, now: float) -> tuple[str, ...] | None:
    """The countries where it may be watched at `now`, sorted; None = everywhere, empty = nowhere."""
    if windows is None:
        return None
    found: set[str] = set()
    for window in windows:
        if _is_open(window, now):
            if window.countries is None:
                return None
            found.update(window.countries)
    return tuple(sorted(found))


def next_change(windows: Sequence[Window] | None, now: float) -> float | None:
    """When a window opens or closes next after `now`, in Unix seconds; None if never."""
    moments = [at for window in windows or () for at in (window.starts, window.ends) if at is not None and at > now]
    return min(moments, default=None)


def windows_of(countries: Sequence[str] | None) -> Windows | None:
    """The licence that holds always in these countries; None = everywhere, empty = nowhere."""
    if countries is None:
        return None
    return (Window(tuple(countries)),) if countries else ()


class EmptyWindow(ValueError):
    """A window that ends before it starts; the message names it."""


def normalise_windows(windows: Sequence[Window]) -> Windows:
    """Windows with countries in upper case, each once and sorted. Raises EmptyWindow."""
    found = []
    for number, window in enumerate(windows, 1):
        if window.starts is not None and window.ends is not None and window.ends <= window.starts:
            raise EmptyWindow(f"window {number} ends before it starts")
        countries = window.countries
        if countries is not None:
            countries = tuple(sorted({country.upper() for country in countries}))
        found.append(Window(countries, window.starts, window.ends))
    return tuple(found)
