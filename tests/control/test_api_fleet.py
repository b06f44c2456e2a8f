"""Control's HTTP door: the fleet's nodes."""

from __future__ import annotations

from control.fanout import Edge
from kernel.fleet import Hello


async def test_edges_are_listed_with_how_far_they_are(api) -> None:
    api.plane.fanout.edges["e1"] = Edge(Hello("e1", region="eu"), 0.0, connected=True, acked={"rules": 3})
    (edge,) = (await api("GET", "/v1/edges"))["edges"]
    assert (edge["id"], edge["connected"], edge["acked"], edge["lastSeen"]) == (
        "e1",
        True,
        {"rules": 3},
        "1970-01-01T00:00:00+00:00",
    )
