"""Control's HTTP door: what viewers take, and which titles are hot where."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from control.api.http import limit
from control.commands import ControlService
from control.fleet.nodes import MAX_WORD_LENGTH
from control.popularity.aggregate import Rank
from kernel.documents import BadDocument


class HotApi:
    """The handlers; `control.api.openapi.ROUTES` says which route is whose."""

    def __init__(self, plane: ControlService) -> None:
        self._plane = plane

    async def hot(self, request: web.Request) -> web.Response:
        """The hot list of a region with its replicas, and what is most popular there (everywhere without `region`)."""
        heat, region, most = self._plane.hot_titles, request.query.get("region", ""), limit(request)
        if len(region) > MAX_WORD_LENGTH or not region.isprintable():
            raise BadDocument("region", f"must be at most {MAX_WORD_LENGTH} printable characters")
        now = self._plane.clock.mono()
        ranks = heat.popularity.ranked(now, region or None)[:most]
        regions = [region] if region else heat.popularity.regions
        listed = [
            {
                "region": where,
                "contentId": rendition.content_id,
                "rendition": rendition.name,
                "segments": segments,
                "share": round(share, 6),
                "replicas": heat.planner.replicas(where, rendition.content_id),
            }
            for where in regions
            for rendition, segments, share in heat.planner.hot_renditions(where)[:most]
        ]
        return web.json_response({"hot": listed, "popular": [rank_json(rank) for rank in ranks], "regions": regions})


def rank_json(rank: Rank) -> dict[str, Any]:
    """A rendition among all, as the API shows it."""
    return {
        "contentId": rank.rendition.content_id,
        "rendition": rank.rendition.name,
        "popularity": round(rank.popularity, 6),
        "bytes": round(rank.bytes),
        "requests": round(rank.requests),
        "share": round(rank.share, 6),
    }
