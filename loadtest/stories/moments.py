"""Moments of a run: seconds since its start, or a share of it, so that a story can be run shorter or longer."""

from __future__ import annotations

import re

_SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?) ?%")


def moment_s(moment: float | str, seconds: float) -> float:
    """`30` or `"40%"` as seconds of a run that takes `seconds`. Raises ValueError."""
    if isinstance(moment, str):
        found = _SHARE.fullmatch(moment.strip())
        if found is None or float(found[1]) > 100:
            raise ValueError(f"{moment!r} is neither a number of seconds nor a share such as '40%'")
        return float(found[1]) / 100 * seconds
    if moment < 0:
        raise ValueError(f"{moment} lies before the run's start")
    return float(moment)
