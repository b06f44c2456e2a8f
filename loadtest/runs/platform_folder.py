"""The programs of a local `matinee up`, as its state folder lists them: nodes to watch, and words for actions."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from loadtest.nodes.series import Node, NodeRole, Series, busiest, busiest_region
from loadtest.runs.actions import Words

PROGRAMS = "programs.json"
MATINEE = (sys.executable, "-P", "-m", "tools.cli")


class PlatformFolder:
    """The state folder of a `matinee up` that runs here."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self._last: list[dict[str, Any]] = []

    def page(self) -> str | None:
        """The platform's address; None when none runs on the folder."""
        try:
            document = json.loads((self.state / PROGRAMS).read_text(encoding="utf-8"))
            self._last = document["programs"]
            running = any(row["pid"] for row in self._last)
            return str(document["page"]) if running else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def is_target(self, target: str) -> bool:
        """Whether a URL is this platform's: its page, or one of its programs."""
        page = self.page()
        if page is None:
            return False
        mine = {urlsplit(url).netloc for url in (page, *(str(row["url"]) for row in self._last))}
        return urlsplit(target).netloc in mine

    def nodes(self) -> Sequence[Node]:
        """The programs as nodes. One that restarts has another pid at the next call."""
        self.page()
        return [_node(row) for row in self._last]

    def _regions(self) -> dict[str, str]:
        """Edge → region."""
        return {row["name"]: str(row["region"]) for row in self._last if row.get("region")}

    @property
    def region_count(self) -> int:
        """Regions that have edges."""
        self.page()
        return len(set(self._regions().values()))

    def words(self, series: Iterable[Series]) -> Words:
        """What actions may name."""
        rows = {row["name"]: row for row in self._last}
        edge = busiest(series, NodeRole.EDGE) or next((row["name"] for row in self._last if row["role"] == "edge"), "")
        regions = self._regions()
        # With one region alone nothing is left for its viewers to move to.
        region = {"busiest_region": (busiest_region(series, regions),)} if len(set(regions.values())) > 1 else {}
        return {
            **region,
            "state": (str(self.state),),
            "control": (rows["control"]["admin"],),
            "control_key": (str(self.state / "control" / "api-key"),),
            "busiest_edge": (edge,),
            "busiest_edge_url": (rows[edge]["url"],),
        }


def _node(row: dict[str, Any]) -> Node:
    role = NodeRole(row["role"])
    address = urlsplit(str(row["url"]))
    has_stats = role in (NodeRole.EDGE, NodeRole.SHIELD)
    return Node(
        name=row["name"],
        role=role,
        stats=f"{row['admin']}/stats" if has_stats else None,
        # Rendering /metrics takes CPU, so the edges, whose CPU is measured, are not asked for it.
        metrics=f"{row['admin']}/metrics" if role in (NodeRole.SHIELD, NodeRole.ORIGIN) else None,
        pid=row["pid"],
        listen=(address.hostname, address.port)
        if role is NodeRole.EDGE and address.hostname and address.port
        else None,
    )
