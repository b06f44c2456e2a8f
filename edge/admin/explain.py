"""WHY: what this edge would do with a URL, and why: for an operator who asks, never on the way of a viewer.

The same steps as `edge.serve.handler` in the same order, asked and not done: nothing is fetched, counted or touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from cache.cache import SegmentCache
from cache.entry import Entry
from cache.slices import slice_key, slice_numbers
from edge.policy.authorise import Node, authorise_request
from edge.policy.locate import Locator
from edge.policy.plan import plan
from edge.policy.route import RoutedRequest, ask_for
from edge.upstreams.selector import Upstreams
from edge.wire.viewer import Viewer
from kernel.clock import Clock, Instant
from kernel.vocabulary import REFUSAL_SENTENCES, REFUSAL_STATUS, Refusal


class ExplainableEdge(Protocol):
    """The parts of an edge that decide what becomes of a request."""

    locator: Locator
    node: Node
    cache: SegmentCache
    upstreams: Upstreams
    clock: Clock


def explain_url(edge: ExplainableEdge, url: str, country: str, address: str) -> dict[str, Any]:
    """What becomes of a GET of `url` by a viewer at an address ("": here), in a country ("": as his address says)."""
    viewer = edge.locator.locate(address or "127.0.0.1")
    if country:
        viewer = replace(viewer, country=country)
    now = Instant(edge.clock.wall(), edge.clock.mono())
    return explain(url, viewer, edge.node, edge.cache, edge.upstreams, now)


def explain(
    url: str, viewer: Viewer, node: Node, cache: SegmentCache, upstreams: Upstreams, now: Instant
) -> dict[str, Any]:
    """What becomes of a GET of `url` by `viewer` at `now`, as JSON. A URL without a token is asked as if it had one."""
    asked = ask_for(url, general=node.profile.name == "general", routes=node.routes)
    said: dict[str, Any] = {"id": node.id, "country": viewer.country or viewer.default_country}
    if isinstance(asked, Refusal):
        return said | _refused(asked)
    said |= {"path": asked.path.decode("latin-1"), "key": asked.key.decode("latin-1")}
    permit = authorise_request(asked, viewer, node, now.wall, needs_token=False)
    if isinstance(permit, Refusal):
        said |= _refused(permit)
    stored = cache.stored(asked.key)
    said["stored"] = [_entry(entry, cache, now.mono) for entry in stored]
    said["filling"] = asked.key in cache.fill_table
    said["next"] = plan(stored[-1] if stored else None, now.mono).value
    return said | {"upstreams": _order(asked, upstreams, now.mono)}


def _refused(why: Refusal) -> dict[str, Any]:
    return {"refused": why.value, "status": REFUSAL_STATUS[why], "sentence": REFUSAL_SENTENCES[why]}


def _entry(entry: Entry, cache: SegmentCache, now: float) -> dict[str, Any]:
    """One stored alternate; what lies only in its file is not read for it."""
    tiers = [name for name, there in (("ram", entry.body is not None), ("disk", entry.disk is not None)) if there]
    told: dict[str, Any] = {
        "status": entry.status,
        "bytes": entry.length,
        "tiers": tiers,
        "age": round(now - entry.born, 1),
        "ttl": round(entry.fresh_until - now, 1),
        "surrogateKeys": [key.decode("latin-1") for key in entry.surrogates],
    }
    if not entry.cold:
        told["etag"] = entry.etag.decode("latin-1") if entry.etag is not None else None
    if entry.slice:
        every: Sequence[int] = slice_numbers(0, entry.length or 0, entry.slice)
        told["slices"] = {"bytes": entry.slice, "of": len(every), "held": _held(entry, cache, every)}
    return told


def _held(entry: Entry, cache: SegmentCache, every: Sequence[int]) -> int:
    return sum(1 for number in every if cache.stored(slice_key(entry.key, number)))


def _order(asked: RoutedRequest, upstreams: Upstreams, now: float) -> list[dict[str, Any]]:
    """Whom it would be fetched from, first choice first."""
    return [
        {"url": one.url, "running": one.running, "leftOut": one.health.out is not None and now < one.health.until}
        for one in upstreams.order(asked.shard)
    ]
