"""Control's HTTP door: what the edges would do with a URL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from control.api.application import make_app
from control.fleet.fanout import Edge
from control.trust.api_keys import ApiKeys
from control.trust.node_admin_keys import NodeAdminKeys
from kernel.fleet.messages import Hello


@asynccontextmanager
async def admin_port(answer: object, asked: list) -> AsyncIterator[str]:
    async def why(request: web.Request) -> web.Response:
        asked.append(await request.json())
        return web.json_response(answer)

    app = web.Application()
    app.add_routes([web.post("/why", why)])
    async with TestServer(app) as server:
        yield f"127.0.0.1:{server.port}"


async def test_every_edge_that_can_be_asked_is_asked(api) -> None:
    asked: list = []
    async with admin_port({"id": "whatever", "next": "serve"}, asked) as address:
        edges = api.plane.fanout.edges
        edges["e1"] = Edge(Hello("e1", admin=address), 0.0, connected=True)
        edges["e2"] = Edge(Hello("e2", admin=address), 0.0)
        edges["e3"] = Edge(Hello("e3", admin="127.0.0.1:9"), 0.0, connected=True)
        told = await api("POST", "/v1/why", {"url": "/cdn/eu/film/a", "country": "DE"}, status=200)
    first, second, third = told["edges"]
    assert (first["id"], first["next"]) == ("e1", "serve")
    assert second["error"] == "is not connected"
    assert "cannot be asked" in third["error"]
    assert asked == [{"url": "/cdn/eu/film/a", "country": "DE", "address": ""}]


async def test_only_the_edges_named_are_asked(api) -> None:
    asked: list = []
    async with admin_port({"next": "fill"}, asked) as address:
        for name in ("e1", "e2"):
            api.plane.fanout.edges[name] = Edge(Hello(name, admin=address), 0.0, connected=True)
        told = await api("POST", "/v1/why", {"url": "/a", "edges": ["e2"]})
    assert [edge["id"] for edge in told["edges"]] == ["e2"]


@pytest.mark.parametrize("body", [{}, {"url": 5}, {"url": "/a", "edges": "e1"}, {"url": "/a", "x": 1}])
async def test_what_is_no_question_is_refused(api, body: dict) -> None:
    await api("POST", "/v1/why", body, status=400)


async def test_an_edge_that_answers_nonsense_is_named(api) -> None:
    async with admin_port([], []) as address:
        api.plane.fanout.edges["e1"] = Edge(Hello("e1", admin=address), 0.0, connected=True)
        (told,) = (await api("POST", "/v1/why", {"url": "/a"}))["edges"]
    assert told["error"] == "answers 200"


async def test_no_edge_is_told_a_viewers_token_and_none_leads_elsewhere(api) -> None:
    """The URL went to whatever address a node named, with the token in it, and redirects were followed."""
    token = "eyJhbGciOiJFZERTQSJ9.eyJzaWQiOiJzMSJ9.c2lnbmF0dXJl"
    asked: list = []

    async def leads(request: web.Request) -> web.Response:
        asked.append(await request.text())
        return web.Response(status=307, headers={"Location": f"http://{elsewhere}/why"})

    app = web.Application()
    app.add_routes([web.post("/why", leads)])
    reached: list = []
    async with admin_port({"next": "serve"}, reached) as elsewhere, TestServer(app) as server:
        edge = Edge(Hello("e1", admin=f"127.0.0.1:{server.port}"), 0.0, connected=True)
        api.plane.fanout.edges["e1"] = edge
        told = await api("POST", "/v1/why", {"url": f"https://e1.example/t/{token}/cdn/eu/film/a?token={token}"})
    assert told["edges"][0]["error"] == "answers 307"
    assert told["token"]["refused"] == "token-key"
    assert reached == []
    assert len(asked) == 1
    assert "eyJ" not in asked[0]


async def test_an_answer_without_end_is_cut(api) -> None:
    async with admin_port({"x": "y" * 300_000}, []) as address:
        api.plane.fanout.edges["e1"] = Edge(Hello("e1", admin=address), 0.0, connected=True)
        (told,) = (await api("POST", "/v1/why", {"url": "/a"}))["edges"]
    assert "cannot be asked" in told["error"]


async def ask_with_keys(plane, keys: NodeAdminKeys) -> list[dict]:
    api_keys = ApiKeys(plane.store, "operator")
    await api_keys.start()
    app = make_app(plane, api_keys, lambda: True, node_keys=keys)
    headers = {"Authorization": "Bearer operator", "Content-Type": "application/json"}
    async with TestClient(TestServer(app)) as client:
        async with client.post("/v1/why", json={"url": "/a"}, headers=headers) as response:
            return (await response.json())["edges"]


@asynccontextmanager
async def guarded_port(key: str, presented: list) -> AsyncIterator[str]:
    """An admin port that requires this key."""

    async def why(request: web.Request) -> web.Response:
        presented.append(request.headers.get("Authorization"))
        return web.json_response({"next": "serve"}, status=200 if presented[-1] == f"Bearer {key}" else 401)

    app = web.Application()
    app.add_routes([web.post("/why", why)])
    async with TestServer(app) as server:
        yield f"127.0.0.1:{server.port}"


async def test_each_node_is_presented_its_own_admin_key(open_plane) -> None:
    """A node with `admin_keys` answered 401, and there was no way to give control a key."""
    presented: list = []
    keys = NodeAdminKeys("shared-by-the-fleet", {"e2": "only-for-this-node"})
    async with open_plane() as plane, guarded_port("shared-by-the-fleet", presented) as first:
        async with guarded_port("only-for-this-node", presented) as second:
            plane.fanout.edges["e1"] = Edge(Hello("e1", admin=first), 0.0, connected=True)
            plane.fanout.edges["e2"] = Edge(Hello("e2", admin=second), 0.0, connected=True)
            told = await ask_with_keys(plane, keys)
    assert [edge["next"] for edge in told] == ["serve", "serve"]
    assert sorted(presented) == ["Bearer only-for-this-node", "Bearer shared-by-the-fleet"]


@pytest.mark.parametrize(
    ("keys", "error"),
    [(NodeAdminKeys(), "set node_admin_keys"), (NodeAdminKeys("a-key-of-another-fleet"), "does not know control's")],
)
async def test_a_node_that_refuses_control_says_what_to_do(open_plane, keys: NodeAdminKeys, error: str) -> None:
    async with open_plane() as plane, guarded_port("the-key-of-this-node", []) as address:
        plane.fanout.edges["e1"] = Edge(Hello("e1", admin=address), 0.0, connected=True)
        (told,) = await ask_with_keys(plane, keys)
    assert error in told["error"]
