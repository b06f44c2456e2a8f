"""A part of the day in local time, for work that is not urgent. Pure."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from typing import NamedTuple

from kernel.settings.setting_types import Kind

_WINDOW = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


class Window(NamedTuple):
    """Minutes of the local day from `opens` and before `closes`; over midnight where it closes before it opens."""

    opens: int = 0
    closes: int = 24 * 60

    def holds(self, wall: float, zone: tzinfo | None) -> bool:
        """Whether the window is open; `zone` None is the machine's own."""
        local = datetime.fromtimestamp(wall, zone)
        minute = local.hour * 60 + local.minute
        if self.opens <= self.closes:
            return self.opens <= minute < self.closes
        return minute >= self.opens or minute < self.closes


ALWAYS = Window()


def parse_window(text: str) -> Window:
    """`01:00-06:00`, `22:00-06:00` or `always`; ValueError."""
    if text == "always":
        return ALWAYS
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no window such as 01:00-06:00, and not always")
    opens, closes = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    if opens == closes:
        raise ValueError(f"{text!r} opens when it closes: say always")
    return Window(opens, closes)


WINDOW = Kind("HH:MM-HH:MM|always", parse_window)
