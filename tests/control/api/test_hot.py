"""Control's HTTP door: what viewers take, and which titles are hot where."""

from __future__ import annotations

from control.fleet.fanout import Edge
from kernel.fleet.messages import Hello, Popular, Report


async def test_what_is_popular_is_told_by_region(api) -> None:
    heat = api.plane.hot_titles
    await api.plane.put_titles({"a": {"allow": None}, "b": {"allow": None}}, author="ann")
    for name, region, title in (("e1", "eu", "a"), ("u1", "us", "b")):
        edge = Edge(Hello(name, region=region), 0.0, connected=True)
        api.plane.fanout.edges[name] = edge
        heat.record_report(
            edge, Report(2.0, popular=tuple(Popular(one, "v720", 5e9, 900.0, 10**9) for one in (title, "unknown")))
        )
    heat.update_lists()
    everywhere = await api("GET", "/v1/hot")
    assert [row["contentId"] for row in everywhere["popular"]] == ["a", "b"]
    assert everywhere["regions"] == ["eu", "us"]
    here = await api("GET", "/v1/hot?region=eu")
    (popular,) = here["popular"]
    assert (popular["contentId"], popular["rendition"], popular["share"]) == ("a", "v720", 1.0)
    assert {row["contentId"] for row in here["hot"]} <= {"a", "b"}
    assert all(row["region"] == "eu" and row["replicas"] >= 1 for row in here["hot"])


async def test_nothing_is_hot_where_nobody_looks(api) -> None:
    assert await api("GET", "/v1/hot") == {"hot": [], "popular": [], "regions": []}
