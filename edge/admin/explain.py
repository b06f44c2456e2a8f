"""Explains what this edge would do with a URL, and why; for operators, never on a viewer's path.

The same steps as `edge.serve.handler` in the same order, without side effects: nothing is fetched, counted or touched.
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
from edge.policy.route import RoutedRequest, route_url
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
    """What happens to a GET of `url` from an address ("": this machine), in a country ("": by the address)."""
    viewer = edge.locator.locate(address or "127.0.0.1")
    if country:
        viewer = replace(viewer, country=country)
    now = Instant(edge.clock.wall(), edge.clock.mono())
    return explain(url, viewer, edge.node, edge.cache, edge.upstreams, now)


def explain(
    url: str, viewer: Viewer, node: Node, cache: SegmentCache, upstreams: Upstreams, now: Instant
) -> dict[str, Any]:
    """What happens to a GET of `url` from `viewer` at `now`, as JSON. A URL without a token is explained as if it had
    one.
    """
    routed = route_url(url, general=node.profile.name == "general", routes=node.routes)
    result: dict[str, Any] = {"id": node.id, "country": viewer.country or viewer.default_country}
    if isinstance(routed, Refusal):
        return result | _refused(routed)
    result |= {"path": routed.path.decode("latin-1"), "key": routed.key.decode("latin-1")}
    permit = authorise_request(routed, viewer, node, now.wall, needs_token=False)
    if isinstance(permit, Refusal):
        result |= _refused(permit)
    stored = cache.stored(routed.key)
    result["stored"] = [_entry(entry, cache, now.mono) for entry in stored]
    result["filling"] = routed.key in cache.fill_table
    result["next"] = plan(stored[-1] if stored else None, now.mono).value
    return result | {"upstreams": _upstreams(routed, upstreams, now.mono)}


def _refused(why: Refusal) -> dict[str, Any]:
    return {"refused": why.value, "status": REFUSAL_STATUS[why], "sentence": REFUSAL_SENTENCES[why]}


def _entry(entry: Entry, cache: SegmentCache, now: float) -> dict[str, Any]:
    """One stored alternate; its file is not read for this."""
    tiers = [name for name, there in (("ram", entry.body is not None), ("disk", entry.disk is not None)) if there]
    entry_json: dict[str, Any] = {
        "status": entry.status,
        "bytes": entry.length,
        "tiers": tiers,
        "age": round(now - entry.born, 1),
        "ttl": round(entry.fresh_until - now, 1),
        "surrogateKeys": [key.decode("latin-1") for key in entry.surrogates],
    }
    if not entry.cold:
        entry_json["etag"] = entry.etag.decode("latin-1") if entry.etag is not None else None
    if entry.slice:
        every: Sequence[int] = slice_numbers(0, entry.length or 0, entry.slice)
        entry_json["slices"] = {"bytes": entry.slice, "of": len(every), "held": _held(entry, cache, every)}
    return entry_json


def _held(entry: Entry, cache: SegmentCache, every: Sequence[int]) -> int:
    return sum(1 for number in every if cache.stored(slice_key(entry.key, number)))


def _upstreams(routed: RoutedRequest, upstreams: Upstreams, now: float) -> list[dict[str, Any]]:
    """The upstreams it would be fetched from, in order."""
    return [
        {"url": one.url, "running": one.running, "leftOut": one.health.out is not None and now < one.health.until}
        for one in upstreams.order_for(routed.shard_key)
    ]
