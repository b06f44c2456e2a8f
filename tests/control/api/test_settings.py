"""Control's HTTP door: settings in layers, how far they are rolled out, and back."""

from __future__ import annotations

import pytest

from control.fleet.fanout import Edge
from kernel.fleet.messages import Hello

LAYERS = {"layers": {"all": {"default_ttl": "5s"}}}


async def test_settings_are_pushed_and_shown_with_how_far_they_are(api) -> None:
    assert await api("GET", "/v1/settings") == {"number": 0, "layers": {}, "rollout": None}
    for number in range(40):
        api.plane.fanout.edges[f"e{number}"] = Edge(Hello(f"e{number}"), 0.0, connected=True)
    told = await api("PUT", "/v1/settings?reason=slow", LAYERS, status=202)
    assert (told["rollout"]["state"], told["rollout"]["stage"], told["rollout"]["of"]) == ("rolling", "canary", 40)
    assert len(told["rollout"]["edges"]) == 2
    assert (await api("GET", "/v1/revisions"))["revisions"][0]["reason"] == "slow"


async def test_a_rollout_is_held_let_on_and_taken_back(api) -> None:
    await api("POST", "/v1/settings/rollout/hold", status=409)
    api.plane.fanout.edges["e1"] = Edge(Hello("e1"), 0.0, connected=True)
    await api("PUT", "/v1/settings", LAYERS, status=202)
    assert (await api("POST", "/v1/settings/rollout/hold"))["rollout"]["state"] == "held"
    assert (await api("POST", "/v1/settings/rollout/go-on"))["rollout"]["state"] == "rolling"
    assert (await api("POST", "/v1/settings/rollout/back?reason=no"))["rollout"]["state"] == "reverted"
    await api("POST", "/v1/settings/rollout/dance", status=404)


async def test_what_edges_would_get_is_shown_before(api) -> None:
    for name, region in (("e1", "eu"), ("u1", "us")):
        api.plane.fanout.edges[name] = Edge(Hello(name, region=region), 0.0, connected=True)
    told = await api("POST", "/v1/settings/diff", {"layers": {"region/eu": {"default_ttl": "5s"}}})
    (edge,) = told["edges"]
    assert edge["edge"] == "e1"
    assert list(edge["settings"]) == ["default_ttl"]
    assert (await api("GET", "/v1/settings"))["layers"] == {}


@pytest.mark.parametrize(
    "body",
    [{}, {"layers": {}}, {"layers": {"all": {"no_such": 1}}}, {"layers": {"king/eu": {}}}, {"layers": {"all": 5}}],
)
async def test_what_no_edge_would_take_is_refused(api, body: dict) -> None:
    await api("PUT", "/v1/settings", body, status=400)
