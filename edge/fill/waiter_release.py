"""Of those who wait for a fill, whom its answer is not for, and what they do then. Pure."""

from __future__ import annotations

from collections.abc import Callable

from cache.entry import Entry
from cache.fills.fill import Fill, Reader
from edge.fill.cacheability import StoreDecision
from edge.policy.routes import Route
from edge.slices.content_range import Part
from kernel.fetch_reasons import REQUEST_ONLY, NotStorable, ReleaseReason


def release_reason(decision: StoreDecision) -> ReleaseReason:
    """Why the readers that the response is not for are released."""
    if decision.kept or decision.shared:
        return ReleaseReason.ALTERNATE
    if decision.why is NotStorable.RANGE:
        return ReleaseReason.RANGE
    return ReleaseReason.REQUEST_ONLY if decision.why in REQUEST_ONLY else ReleaseReason.LEADER_ONLY


def waiters_to_release(
    fill: Fill, entry: Entry, decision: StoreDecision, part: Part | None, route: Route
) -> Callable[[Reader], bool] | None:
    """Of those who wait, whom the answer is not for; `part` is what it brings of the object; None: it is for all.

    Where all that viewers send goes upstream, an error that is not kept may be the doing of one viewer's field: it is
    for those only who would have sent the very same (denial by cache).
    """
    if part is not None and not decision.kept:
        first, stop = part.first, part.stop
        return lambda reader: (
            (reader is not fill.leader and not decision.shared) or not reader.is_covered_by(entry, first, stop)
        )
    if not decision.kept and not decision.shared:
        return lambda reader: reader is not fill.leader
    if entry.status >= 400 and not decision.kept and route.forwards is None:
        asked = fill.request
        return lambda reader: (
            reader is not fill.leader and not (reader.matches(entry) and reader.sends_same_request(asked))
        )
    if entry.vary:
        return lambda reader: reader is not fill.leader and not reader.matches(entry)
    return None
