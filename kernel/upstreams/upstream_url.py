"""An upstream in the settings: `http://HOST:PORT`, with `#weight=2` for a larger share of the keys. Pure.

A fragment is never sent, so it can hold what is meant for us alone, and no shell needs it quoted.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from kernel.settings.setting_types import Kind
from kernel.settings.table import URL

LEAST_WEIGHT, MOST_WEIGHT = 0.01, 100.0
_WEIGHT = re.compile(r"weight=(\d{1,3}(?:\.\d{1,3})?)", re.ASCII)


def without_weight(text: str) -> str:
    """The URL alone."""
    return text.partition("#")[0]


def weight_of(text: str) -> float:
    """The weight of a setting that was accepted."""
    match = _WEIGHT.fullmatch(text.partition("#")[2])
    return float(match[1]) if match else 1.0


def _upstream(text: str) -> str:
    url, mark, rest = text.partition("#")
    url = URL.parse(url)
    if urlsplit(url).path:
        raise ValueError(f"{text!r} has a path: an upstream is http://HOST:PORT or https://HOST:PORT")
    if not mark:
        return str(url)
    match = _WEIGHT.fullmatch(rest)
    if match is None or not LEAST_WEIGHT <= float(match[1]) <= MOST_WEIGHT:
        raise ValueError(f"{text!r}: only #weight=N may follow, N from {LEAST_WEIGHT:g} to {MOST_WEIGHT:g}")
    return f"{url}#{rest}"


UPSTREAM = Kind("url[#weight=N]", _upstream)
