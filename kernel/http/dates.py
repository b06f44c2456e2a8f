"""HTTP dates, parsed strictly (RFC 9110 §5.6.7): IMF-fixdate, RFC 850 and asctime, in any letter case.

Python's own parsers accept dates that must be treated as invalid (RFC 9111 §4.2, §5.3).
"""

from __future__ import annotations

import calendar
import re

_MONTHS = {name: i for i, name in enumerate(b"jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_DAYS = b"Mon Tue Wed Thu Fri Sat Sun".split()
_MONTH_NAMES = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_SHORT = rb"(?:mon|tue|wed|thu|fri|sat|sun)"
_LONG = rb"(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
_MONTH = rb"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_TIME = rb"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        _SHORT + rb", (?P<day>\d\d) " + _MONTH + rb" (?P<year>\d{4}) " + _TIME + rb" GMT",
        _LONG + rb", (?P<day>\d\d)-" + _MONTH + rb"-(?P<year>\d\d) " + _TIME + rb" GMT",
        _SHORT + b" " + _MONTH + rb" (?P<day>\d\d| \d) " + _TIME + rb" (?P<year>\d{4})",
    )
)


_CENTURY_OF = 1_767_225_600.0  # 2026: for callers without a clock, right as long as no RFC 850 date is of after 2076


def parse_date(text: bytes, now: float = _CENTURY_OF) -> float | None:
    """Seconds since the epoch, or None when the text is no HTTP date.

    `now` (wall) settles the century of RFC 850's two-digit year: never more than 50 years ahead.
    """
    for form in _FORMS:
        match = form.fullmatch(text)
        if match:
            return _seconds(match, now)
    return None


def _seconds(match: re.Match[bytes], now: float) -> float | None:
    year, day = int(match["year"]), int(match["day"])
    month = _MONTHS[match["month"].lower()]
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"])
    if len(match["year"]) == 2:
        this_year = 1970 + int(now // 31_556_952)
        year += this_year // 100 * 100
        if year > this_year + 50:
            year -= 100
    if year < 1 or not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    if hour > 23 or minute > 59 or second > 60:
        return None
    return float(calendar.timegm((year, month, day, hour, minute, min(second, 59))))


def format_date(wall: float) -> bytes:
    """The IMF-fixdate of `wall` (seconds since the epoch)."""
    days, rest = divmod(int(wall), 86400)
    hour, rest = divmod(rest, 3600)
    year, month, day = _civil(days)
    name, month_name = _DAYS[(days + 3) % 7], _MONTH_NAMES[month - 1]
    return b"%s, %02d %s %04d %02d:%02d:%02d GMT" % (name, day, month_name, year, hour, rest // 60, rest % 60)


def _civil(days: int) -> tuple[int, int, int]:
    """(year, month, day) of a count of days since 1970-01-01, proleptic Gregorian."""
    days += 719468
    era, day_of_era = divmod(days, 146097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year_of_era + era * 400 + (month <= 2), month, day_of_year - (153 * shifted + 2) // 5 + 1
