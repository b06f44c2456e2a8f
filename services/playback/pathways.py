"""The steering manifest: which edges a player should fetch a title from, said as its kind of player needs it. Pure.

What players make of it was read in their source and tried in a browser (docs/routing.md):

- hls.js clones pathways by HOST and replaces the host name alone, a port in it is silently ignored: edges that are to
  be clones of one another share a port. It never asks again after 429.
- dash.js clones too, but drops the port unless HOST has it. It quotes and lists pathways: `_DASH_pathway="a,b"`.
- Shaka cannot clone relative addresses (in DASH it fails on them), so it is told of clones never: it plays from where
  it began, or is steered by a top file with absolute addresses, where each edge is a pathway of its own. There it asks
  the first edge of the list only, even a dead one, until the list changes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from kernel.media.steering import HERE

TTL_FIRST = 2
"""Seconds until a player asks again that could not be told all at its first request."""
MAX_PATHWAYS = 8
_ID = re.compile(r"[^A-Za-z0-9._-]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Pathway:
    """An edge as players know it: its id, its base URL, whether it is well, and in words why it has its place."""

    id: str
    base: str
    well: bool = True
    why: str = ""


@dataclass(frozen=True, slots=True)
class Asker:
    """A player as its request shows it. `whole`: its top file has absolute addresses; `clones`: it can clone."""

    dash: bool
    whole: bool
    clones: bool
    pathway: str


def pathway_id(base: str) -> str:
    """The id of an edge's base URL, always the same one: its host, with the port where there is one."""
    return _ID.sub("-", urlsplit(base).netloc)


def asker(hls: str | None, dash: str | None, *, manifest: str | None, whole: bool, at: str = "") -> Asker:
    """Who asks, by `_HLS_pathway`, `_DASH_pathway` and what the top file says of itself.

    `at` is where its top file lets it begin, for a player that does not say yet where it is.
    """
    is_dash = dash is not None or manifest == "dash"
    text = (dash if dash is not None else hls) or ""
    quoted = text.startswith('"')
    current = text.strip('"').split(",")[-1].strip() or at
    return Asker(is_dash, whole, clones=not whole and (quoted or not is_dash), pathway=current)


def preferred(found: Sequence[Pathway], current: str) -> list[Pathway]:
    """Best first, but whoever is served well stays: a change of edge costs a player a moment, and an edge its cache."""
    listed = list(found[:MAX_PATHWAYS])
    stays = next((one for one in listed if one.id == current and one.well), None)
    if stays is not None:
        listed.remove(stays)
        listed.insert(0, stays)
    return listed


def manifest(who: Asker, found: Sequence[Pathway], ttl: int, reload: str, *, first: bool, calm: bool) -> dict[str, Any]:
    """The steering manifest; `reload` is the absolute address to ask next time.

    Which edge HERE is cannot be told, since the top file is everybody's. So a player stays there on its `first` request
    (hls.js hangs when it is moved while it starts; playback has just chosen that edge) and as long as all edges are
    well (`calm`); once one is not, it is sent to an edge by its name.
    """
    listed = preferred(found, who.pathway)
    if who.clones:
        listed = _on_one_port(listed, dash=who.dash)
    elif not who.whole:
        listed = []
        ttl = min(ttl, TTL_FIRST) if not who.pathway else ttl
    priority = [one.id for one in listed]
    if not (who.whole and listed):
        stays = who.clones and who.pathway in ("", HERE) and (first or calm)
        priority = [HERE, *priority] if stays else [*priority, HERE]
    if first and not calm:
        ttl = min(ttl, TTL_FIRST)
    made: dict[str, Any] = {"VERSION": 1, "TTL": ttl, "RELOAD-URI": reload, "PATHWAY-PRIORITY": priority}
    if who.clones and listed:
        made["PATHWAY-CLONES"] = [
            {"BASE-ID": HERE, "ID": one.id, "URI-REPLACEMENT": {"HOST": _host(one.base, port=who.dash)}}
            for one in sorted(listed, key=lambda one: one.id)
        ]
    return made


def _on_one_port(found: list[Pathway], *, dash: bool) -> list[Pathway]:
    """Those that a clone can reach from one another: of the same scheme, and in HLS of the same port."""

    def kind(one: Pathway) -> tuple[str, int | None]:
        parts = urlsplit(one.base)
        return parts.scheme, None if dash else parts.port

    kinds = [kind(one) for one in found]
    usual = max(dict.fromkeys(kinds), key=kinds.count, default=None)
    return [one for one, its in zip(found, kinds, strict=True) if its == usual]


def _host(base: str, *, port: bool) -> str:
    parts = urlsplit(base)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{parts.port}" if port and parts.port else host
