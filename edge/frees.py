"""Of those who wait for a fill, whom its answer is not for, and what they do then. Pure."""

from __future__ import annotations

from collections.abc import Callable

from cache.entry import Entry
from cache.fill import Fill, Reader
from edge.judge import Judgement
from edge.parts import Part


def why_freed(decision: Judgement) -> str:
    """The word that those hear whom the answer is not for (`cache.fill.FREED`)."""
    return "alternate" if decision.kept or decision.shared else decision.why


def whom_it_frees(fill: Fill, entry: Entry, decision: Judgement, part: Part | None) -> Callable[[Reader], bool] | None:
    """Of those who wait, whom the answer is not for; `part` is what it brings of the object; None: it is for all."""
    if part is not None and not decision.kept:
        first, stop = part.first, part.stop
        return lambda reader: (
            (reader is not fill.leader and not decision.shared) or not reader.covered(entry, first, stop)
        )
    if not decision.kept and not decision.shared:
        return lambda reader: reader is not fill.leader
    if entry.vary:
        return lambda reader: reader is not fill.leader and not reader.matches(entry)
    return None
