"""One row of a program's table of counters: name, kind, sentence and labels; docs/counters.md is generated from them.

A program keeps its rows in a module `…/counters.py` as `COUNTERS: tuple[Counter, ...]`. The program
holds the numbers and reads the names from the rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

COUNTER_NAME = re.compile(r"matinee(?:_[a-z][a-z0-9]*){2,}", re.ASCII)
"""`matinee_<part>_<what>_<unit>`, for `fullmatch`; the name of a counter that only grows ends in `_total`."""

LABEL_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Counter:
    """One row. `labels` are label names; their values must be few and known. Raises ValueError for an invalid row."""

    name: str
    kind: Literal["counter", "gauge", "histogram", "summary"]
    sentence: str
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not COUNTER_NAME.fullmatch(self.name):
            raise ValueError(f"counter {self.name!r} is not named matinee_<part>_<what>_<unit>")
        if (self.kind == "counter") != self.name.endswith("_total"):
            raise ValueError(f"counter {self.name}: a counter ends in _total, a gauge, histogram or summary does not")
        if not self.sentence.endswith(".") or self.sentence != self.sentence.strip():
            raise ValueError(f"counter {self.name}: the sentence must be one sentence with a full stop")
        for label in self.labels:
            if not LABEL_NAME.fullmatch(label):
                raise ValueError(f"counter {self.name}: {label!r} is not a label name")


def by_name(rows: Iterable[Counter]) -> dict[str, Counter]:
    """The rows by name. Raises ValueError if a name occurs twice."""
    found: dict[str, Counter] = {}
    for row in rows:
        if row.name in found:
            raise ValueError(f"counter {row.name} occurs twice in the table")
        found[row.name] = row
    return found
