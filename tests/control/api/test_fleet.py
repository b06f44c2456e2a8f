"""Control's HTTP door: the fleet's nodes and groups, and the past of it all."""

from __future__ import annotations

import pytest

from control.fleet.fanout import Edge
from kernel.fleet.messages import Hello, Report


async def test_edges_are_listed_with_how_far_they_are(api) -> None:
    hello = Hello("e1", "edge", "eu", "127.0.0.1:1", "127.0.0.1:2")
    api.plane.fanout.edges["e1"] = Edge(
        hello, 1_800_000_000.0, connected=True, acked={"rules": 3}, applied={"rules": 2}
    )
    (edge,) = (await api("GET", "/v1/edges"))["edges"]
    assert (edge["id"], edge["connected"]) == ("e1", True)
    assert (edge["acked"], edge["applied"]) == ({"rules": 3}, {"rules": 2})
    assert edge["lastSeen"] == "2027-01-15T08:00:00+00:00"
    assert edge["report"] is None


async def test_an_edge_is_shown_with_what_it_last_reported(api) -> None:
    edge = Edge(
        Hello("e1"), 0.0, connected=True, report=Report(2.0, requests=10, hits=9), reported_at=api.plane.clock.mono()
    )
    api.plane.fanout.edges["e1"] = edge
    shown = await api("GET", "/v1/edges/e1")
    assert (shown["report"]["requests"], shown["report"]["hits"], shown["reportAge"]) == (10, 9, 0.0)
    await api("GET", "/v1/edges/nobody", status=404)


async def test_an_edge_is_drained_and_back_and_the_log_says_by_whom(api) -> None:
    api.plane.fanout.edges["e1"] = Edge(Hello("e1", region="eu"), 0.0, connected=True)
    drained = await api("POST", "/v1/edges/e1/drain?reason=disk")
    assert drained["drained"] is not None
    assert (await api("GET", "/v1/edges/e1"))["region"] == "eu"
    assert (await api("POST", "/v1/edges/e1/undrain"))["drained"] is None
    await api("POST", "/v1/edges/nobody/drain", status=404)
    back, away = (await api("GET", "/v1/audit"))["audit"][:2]
    assert (away["action"], away["target"], away["reason"], away["actor"]) == (
        "node.drain",
        "e1",
        "disk",
        "api-key file",
    )
    assert back["action"] == "node.undrain"
    assert "node/e1" in away["after"]


async def test_what_a_node_does_not_say_its_group_says(api) -> None:
    await api("PUT", "/v1/groups/fra", {"region": "eu", "capacity": 10**10})
    await api("PUT", "/v1/edges/e1", {"group": "fra", "pop": "fra1"})
    api.plane.fanout.edges["e1"] = Edge(Hello("e1", region="us"), 0.0)
    shown = await api("GET", "/v1/edges/e1")
    assert (shown["region"], shown["pop"], shown["capacity"]) == ("eu", "fra1", 10**10)
    assert [group["name"] for group in (await api("GET", "/v1/groups"))["groups"]] == ["fra"]
    await api("DELETE", "/v1/groups/fra", status=400)
    await api("DELETE", "/v1/edges/e1")
    await api("DELETE", "/v1/groups/fra")
    await api("GET", "/v1/edges/e1", status=404)


@pytest.mark.parametrize("body", [{"role": "king"}, {"capacity": -1}, {"x": 1}, {"group": "nowhere"}])
async def test_what_no_node_can_be_is_refused(api, body: dict) -> None:
    await api("PUT", "/v1/edges/e1", body, status=404 if "group" in body else 400)


async def test_a_revision_is_shown_compared_and_taken_back(api) -> None:
    await api("PUT", "/v1/titles/film", {"allow": ["DE"]})
    second = (await api("PUT", "/v1/titles/film", {"allow": ["FR"]}))["revision"]
    shown = await api("GET", f"/v1/revisions/{second}")
    (change,) = shown["changes"]
    assert (change["before"]["allow"], change["after"]["allow"]) == (["DE"], ["FR"])
    changed = (await api("GET", f"/v1/diff?from={second - 1}&to={second}"))["changes"]
    assert [change["name"] for change in changed] == ["title/film"]
    await api("POST", f"/v1/revisions/{second}/rollback?reason=wrong")
    assert (await api("GET", "/v1/titles/film"))["allow"] == ["DE"]
    await api("POST", f"/v1/revisions/{second}/rollback", status=409)
    await api("GET", "/v1/revisions/99", status=404)
    await api("GET", "/v1/revisions/x", status=400)


async def test_a_node_in_quarantine_is_shown_and_released(api) -> None:
    await api.plane.quarantine.hold("e1", "it claims version 9 of rules")
    api.plane.fanout.edges["e1"] = Edge(Hello("e1"), 0.0)
    assert (await api("GET", "/v1/edges/e1"))["quarantined"] == "it claims version 9 of rules"
    assert (await api("GET", "/v1/standings"))["edges"][0]["standing"] == "quarantined"
    await api("POST", "/v1/edges/e1/release")
    assert (await api("GET", "/v1/edges/e1"))["quarantined"] is None
    await api("POST", "/v1/edges/e1/release", status=404)


async def test_a_new_epoch_is_an_operators_word(api, until) -> None:
    await api.plane.jobs.start()
    epochs = api.plane.store.desired.epoch, api.plane.jobs.dispatch.log.epoch
    await api.plane.quarantine.hold("e1", "it claims version 9 of rules")
    said = await api("POST", "/v1/epoch?reason=restored")
    assert (said["before"], api.plane.store.desired.epoch) == (epochs[0], said["epoch"])
    assert not api.plane.quarantined()
    assert (await api("GET", "/v1/audit"))["audit"][0]["action"] == "epoch.new"
