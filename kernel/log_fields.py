"""One row of a table of log fields; docs/counters.md is generated from the programs' tables."""

from __future__ import annotations

from typing import NamedTuple


class LogField(NamedTuple):
    """One field of a log line and its meaning."""

    name: str
    sentence: str
