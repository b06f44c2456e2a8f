"""Steering manifests: which edges a player should fetch a title from, in the form that its player needs. Pure.

The behaviour of the players comes from their source and from tests in a browser (docs/routing.md):

- hls.js clones pathways by HOST and replaces only the host name; it silently ignores a port in HOST. So only edges on
  the same port can be clones of one another. It never asks again after a 429.
- dash.js clones too, but drops the port unless HOST contains it. It quotes and lists pathways: `_DASH_pathway="a,b"`.
- Shaka cannot clone relative URLs (in DASH it fails on them), so it never gets clones: it stays on its first edge, or
  uses a multivariant playlist or MPD with absolute URLs in which each edge is a pathway. From that it uses only the
  first edge of the list, even a dead one, until the list changes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from kernel.media.steering import HERE

FIRST_REQUEST_TTL = 2
"""The TTL of an incomplete first answer, in seconds."""
MAX_PATHWAYS = 8
_ID = re.compile(r"[^A-Za-z0-9._-]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Pathway:
    """An edge for players: its id, its base URL, its health, and a sentence on why it has its rank."""

    id: str
    base: str
    is_healthy: bool = True
    why: str = ""


@dataclass(frozen=True, slots=True)
class Player:
    """What a steering request says about its player.

    `has_absolute_urls`: its multivariant playlist or MPD has absolute URLs; `can_clone`: it supports PATHWAY-CLONES;
    `current_pathway` is "" if unknown.
    """

    is_dash: bool
    has_absolute_urls: bool
    can_clone: bool
    current_pathway: str


def pathway_id(base: str) -> str:
    """The stable id of an edge's base URL: its host, and its port if it has one."""
    return _ID.sub("-", urlsplit(base).netloc)


def parse_player(hls: str | None, dash: str | None, *, manifest: str | None, whole: bool, at: str = "") -> Player:
    """Identify the player by `_HLS_pathway`, `_DASH_pathway` and the parameters that its manifest added.

    `at` is the pathway that its manifest starts with, for a player that does not name its current one yet.
    """
    is_dash = dash is not None or manifest == "dash"
    text = (dash if dash is not None else hls) or ""
    quoted = text.startswith('"')
    current = text.strip('"').split(",")[-1].strip() or at
    return Player(is_dash, whole, can_clone=not whole and (quoted or not is_dash), current_pathway=current)


def preferred_order(edges: Sequence[Pathway], current: str) -> list[Pathway]:
    """Best first, but a healthy current edge stays first: a switch costs the player time and the edge its cache."""
    listed = list(edges[:MAX_PATHWAYS])
    current_edge = next((one for one in listed if one.id == current and one.is_healthy), None)
    if current_edge is not None:
        listed.remove(current_edge)
        listed.insert(0, current_edge)
    return listed


def steering_manifest(
    player: Player, edges: Sequence[Pathway], ttl: int, reload: str, *, first: bool, calm: bool
) -> dict[str, Any]:
    """Build the steering manifest; `reload` is the absolute URL of the next request.

    HERE stands for the edge that served the multivariant playlist or MPD, which is cached for everybody, so it does
    not say which edge that is. A player stays at HERE on its `first` request (hls.js hangs if it is moved during its
    start, and playback has just chosen that edge) and while all edges are healthy (`calm`); else it gets an edge by id.
    """
    listed = preferred_order(edges, player.current_pathway)
    if player.can_clone:
        listed = _on_one_port(listed, dash=player.is_dash)
    elif not player.has_absolute_urls:
        listed = []
        ttl = min(ttl, FIRST_REQUEST_TTL) if not player.current_pathway else ttl
    priority = [one.id for one in listed]
    if not (player.has_absolute_urls and listed):
        stays = player.can_clone and player.current_pathway in ("", HERE) and (first or calm)
        priority = [HERE, *priority] if stays else [*priority, HERE]
    if first and not calm:
        ttl = min(ttl, FIRST_REQUEST_TTL)
    made: dict[str, Any] = {"VERSION": 1, "TTL": ttl, "RELOAD-URI": reload, "PATHWAY-PRIORITY": priority}
    if player.can_clone and listed:
        made["PATHWAY-CLONES"] = [
            {"BASE-ID": HERE, "ID": one.id, "URI-REPLACEMENT": {"HOST": _host(one.base, port=player.is_dash)}}
            for one in sorted(listed, key=lambda one: one.id)
        ]
    return made


def _on_one_port(edges: list[Pathway], *, dash: bool) -> list[Pathway]:
    """The largest set of edges that can be clones of one another: the same scheme, and in HLS the same port."""

    def kind(one: Pathway) -> tuple[str, int | None]:
        parts = urlsplit(one.base)
        return parts.scheme, None if dash else parts.port

    kinds = [kind(one) for one in edges]
    usual = max(dict.fromkeys(kinds), key=kinds.count, default=None)
    return [one for one, its in zip(edges, kinds, strict=True) if its == usual]


def _host(base: str, *, port: bool) -> str:
    parts = urlsplit(base)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{parts.port}" if port and parts.port else host
