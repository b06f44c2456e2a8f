"""Control's HTTP door for operators."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer

from control.api import make_app, problem
from control.fanout import Edge
from control.store import Store
from kernel.errors import Overloaded, StorageFailed
from kernel.fleet import Hello
from kernel.keys import generate_ed25519_pem, public_jwks

KEY = "a-key-of-the-tests"
JWKS = public_jwks(generate_ed25519_pem(), "k1")


class Api:
    def __init__(self, client: TestClient, plane) -> None:
        self.client = client
        self.plane = plane
        self.ready = True

    async def __call__(self, method: str, path: str, body: object = None, status: int = 200, key: str = KEY):
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        options = {"data": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
        async with self.client.request(method, path, headers=headers, **options) as response:
            answer = await response.json(content_type=None)
            assert response.status == status, answer
            if status >= 400:
                assert response.content_type == "application/problem+json"
                assert answer["status"] == status
                assert {"type", "title", "detail", "reason"} <= answer.keys()
            assert "aiohttp" not in response.headers["Server"]
            return answer


@pytest.fixture
async def api(open_plane) -> AsyncIterator[Api]:
    async with open_plane() as plane:
        app = make_app(plane, KEY, lambda: made.ready)
        async with TestClient(TestServer(app)) as client:
            made = Api(client, plane)
            yield made


async def test_a_title_is_put_shown_and_forgotten(api: Api) -> None:
    put = await api(
        "PUT", "/v1/titles/film?reason=premiere", {"allow": ["fr", "DE"], "until": "2030-01-01T01:00:00+01:00"}
    )
    assert put == {"contentId": "film", "allow": ["DE", "FR"], "until": "2030-01-01T00:00:00+00:00", "revision": 1}
    shown = await api("GET", "/v1/titles/film")
    assert shown == {"contentId": "film", "allow": ["DE", "FR"], "until": "2030-01-01T00:00:00+00:00"}
    assert (await api("GET", "/v1/revisions"))["revisions"][0]["reason"] == "premiere"
    await api("DELETE", "/v1/titles/film")
    await api("GET", "/v1/titles/film", status=404)
    await api("DELETE", "/v1/titles/film", status=404)
    await api("DELETE", "/v1/titles/..%2Ffilm", status=400)


async def test_titles_are_listed_in_pages(api: Api) -> None:
    for name in ("c", "a", "b"):
        await api("PUT", f"/v1/titles/{name}", {})
    first = await api("GET", "/v1/titles?limit=2")
    assert ([title["contentId"] for title in first["titles"]], first["next"]) == (["a", "b"], "b")
    rest = await api("GET", "/v1/titles?limit=2&cursor=b")
    assert ([title["contentId"] for title in rest["titles"]], rest["next"]) == (["c"], None)
    for limit in ("0", "x", "-1", "1001", "9" * 30):
        await api("GET", f"/v1/titles?limit={limit}", status=400)


async def test_keys_are_replaced_as_a_set(api: Api) -> None:
    assert (await api("PUT", "/v1/keys", JWKS))["keys"] == JWKS["keys"]
    assert await api("GET", "/v1/keys") == JWKS
    wrong = await api("PUT", "/v1/keys", {"keys": [JWKS["keys"][0] | {"d": "AAAA"}]}, status=400)
    assert "private" in wrong["detail"]
    assert "AAAA" not in str(wrong)


async def test_a_session_is_revoked(api: Api) -> None:
    await api("POST", "/v1/revocations", {"sid": "s1", "until": "2030-01-01T00:00:00Z"}, status=201)
    wrong = await api("POST", "/v1/revocations", {"sid": "s1", "til": 1}, status=400)
    assert "til" in wrong["detail"]


async def test_edges_are_listed_with_how_far_they_are(api: Api) -> None:
    api.plane.fanout.edges["e1"] = Edge(Hello("e1", region="eu"), 0.0, connected=True, acked={"rules": 3})
    (edge,) = (await api("GET", "/v1/edges"))["edges"]
    assert (edge["id"], edge["connected"], edge["acked"], edge["lastSeen"]) == (
        "e1",
        True,
        {"rules": 3},
        "1970-01-01T00:00:00+00:00",
    )


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"allow": "DE"}', b'{"allow": [], "allow": null}', b"\xff"])
async def test_a_body_that_is_no_licence_is_refused(api: Api, body: bytes) -> None:
    assert (await api("PUT", "/v1/titles/film", body, status=400))["reason"] == "bad-document"
    assert (await api("GET", "/v1/titles"))["titles"] == []


async def test_a_body_has_a_bound(api: Api) -> None:
    await api("PUT", "/v1/titles/film", b" " * (1 << 20) + b"{}", status=413)


async def test_nothing_is_told_without_the_key(api: Api) -> None:
    for path in ("/v1/titles", "/v1/keys", "/v1/edges", "/nowhere"):
        await api("GET", path, status=401, key="")
        await api("GET", path, status=401, key="a-key-of-another")
    await api("PUT", "/v1/titles/film", {}, status=401, key="")


async def test_health_readiness_and_the_document_are_open(api: Api) -> None:
    assert (await api("GET", "/healthz", key=""))["status"] == "ok"
    assert (await api("GET", "/readyz", key=""))["status"] == "ready"
    assert "/v1/titles/{contentId}" in (await api("GET", "/openapi.json", key=""))["paths"]
    api.ready = False
    await api("GET", "/readyz", status=503, key="")


async def test_metrics_are_for_this_machine_or_the_key(api: Api) -> None:
    async with api.client.get("/metrics") as response:
        assert "matinee_control_edges_connected 0" in await response.text()
    async with api.client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"}) as response:
        assert response.status == 401


async def test_what_does_not_exist_is_a_problem_too(api: Api) -> None:
    await api("GET", "/nowhere", status=404)
    await api("POST", "/v1/titles/film", {}, status=405)


@pytest.mark.parametrize(
    ("error", "status"), [(Overloaded("full", 3), 503), (StorageFailed("no space"), 503), (RuntimeError("oops"), 500)]
)
async def test_our_own_troubles_have_their_status(api: Api, monkeypatch, error: Exception, status: int) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Store, "commit", fails)
    answer = await api("PUT", "/v1/titles/film", {}, status=status)
    assert "oops" not in str(answer)


def test_a_problem_has_the_members_of_the_rfc() -> None:
    assert problem(599, "odd", "why").status == 599
